// What the threads of the pasting kernel do, before and after its barrier.
//
// The output is cleared first, at the speed of memory. Then a block makes a band of rows of one
// box's window: it works out what its rows read of the mask, and every thread goes down columns,
// working out once what a column reads. Neighbouring threads write neighbouring pixels.
#pragma once

#include "kernels/paste_masks.h"

namespace refinemask
{

constexpr int kPasteThreads = 256;
constexpr int kPasteRows = 32; //!< of a block

template <typename T>
struct PasteMasksArguments
{
    T const* masks;
    float const* boxes;
    std::uint8_t* output;
    int maskSize;
    std::int64_t height;
    std::int64_t width;
    float threshold;
};

//! The rows of a block: a band of the box's window, empty if the window has no such band.
template <typename T>
REFINEMASK_HD PasteWindow pasteBand(
    PasteMasksArguments<T> const& arguments, float const* box, int band)
{
    PasteWindow const window = pasteWindow(box[1], box[3], arguments.height);
    std::int64_t const first = window.first + static_cast<std::int64_t>(band) * kPasteRows;
    std::int64_t const last = first + kPasteRows;
    return PasteWindow{first, last < window.last ? last : window.last};
}

//! Before the barrier: what each row reads.
template <typename T>
REFINEMASK_HD void tabulateRows(PasteMasksArguments<T> const& arguments,
    PasteTap (&taps)[kPasteRows], PasteWindow const& band, float const* box, int thread)
{
    if (thread < band.last - band.first)
    {
        taps[thread] = pasteTap(band.first + thread, box[1], box[3], arguments.maskSize);
    }
}

//! After the barrier: a thread's share of the columns.
template <typename T>
REFINEMASK_HD void pasteColumns(PasteMasksArguments<T> const& arguments,
    PasteTap const (&taps)[kPasteRows], PasteWindow const& band, float const* box,
    std::int64_t mask, int thread)
{
    int const size = arguments.maskSize;
    T const* const probabilities = arguments.masks + mask * size * size;
    std::uint8_t* const output = arguments.output + mask * arguments.height * arguments.width;
    PasteWindow const window = pasteWindow(box[0], box[2], arguments.width);
    for (std::int64_t column = window.first + thread; column < window.last; column += kPasteThreads)
    {
        PasteTap const x = pasteTap(column, box[0], box[2], size);
        for (std::int64_t row = band.first; row < band.last; ++row)
        {
            bool const on
                = pastedPixel(probabilities, size, taps[row - band.first], x, arguments.threshold);
            output[row * arguments.width + column] = on ? 1 : 0;
        }
    }
}

} // namespace refinemask
