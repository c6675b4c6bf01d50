#include "cpu/paste_masks.h"

#include <algorithm>

namespace refinemask
{

namespace
{

//! Rows of a canvas that a task clears and pastes: large enough to be worth one, small enough to
//! stay in the second-level cache between the two.
constexpr std::int64_t kTaskPixels = 1 << 18;

std::vector<PasteTap> pasteTaps(PasteWindow const& window, float start, float end, int size)
{
    std::vector<PasteTap> taps;
    taps.reserve(static_cast<std::size_t>(window.last - window.first));
    for (std::int64_t pixel = window.first; pixel < window.last; ++pixel)
    {
        taps.push_back(pasteTap(pixel, start, end, size));
    }
    return taps;
}

//! Paste the rows of `rows` alone; `canvas` is the whole canvas.
template <typename T>
void pasteRows(T const* mask, int size, float const* box, PasteWindow const& rows,
    std::int64_t width, float threshold, std::uint8_t* canvas)
{
    PasteWindow const columns = pasteWindow(box[0], box[2], width);
    std::int64_t const count = columns.last - columns.first;
    std::vector<PasteTap> const taps = pasteTaps(columns, box[0], box[2], size);
    std::vector<float> between(static_cast<std::size_t>(size));
    for (std::int64_t row = rows.first; row < rows.last; ++row)
    {
        // The sums over the vertical taps are the same for all pixels of a row.
        PasteTap const y = pasteTap(row, box[1], box[3], size);
        T const* const top = mask + static_cast<std::int64_t>(y.low) * size;
        T const* const bottom = mask + static_cast<std::int64_t>(y.high) * size;
        for (int cell = 0; cell < size; ++cell)
        {
            between[cell] = toFloat(top[cell]) * y.lowWeight + toFloat(bottom[cell]) * y.highWeight;
        }
        std::uint8_t* const target = canvas + row * width + columns.first;
        for (std::int64_t column = 0; column < count; ++column)
        {
            PasteTap const& x = taps[column];
            float const value = between[x.low] * x.lowWeight + between[x.high] * x.highWeight;
            target[column] = value >= threshold ? 1 : 0;
        }
    }
}

//! Append the runs of ones of a column, whose first pixel has the index `first`.
void appendRuns(
    std::vector<std::uint8_t> const& column, std::int64_t first, std::vector<std::int64_t>& edges)
{
    std::uint8_t const* const begin = column.data();
    std::uint8_t const* const end = begin + column.size();
    std::uint8_t previous = 0;
    std::uint8_t const* pixel = begin;
    while (pixel != end)
    {
        // The next pixel of the other value; the library looks at many at once.
        void const* const found
            = std::memchr(pixel, 1 - previous, static_cast<std::size_t>(end - pixel));
        if (found == nullptr)
        {
            break;
        }
        pixel = static_cast<std::uint8_t const*>(found);
        edges.push_back(first + (pixel - begin));
        previous = static_cast<std::uint8_t>(1 - previous);
    }
    if (previous == 1)
    {
        edges.push_back(first + (end - begin));
    }
}

} // namespace

template <typename T>
void pasteMasks(T const* masks, float const* boxes, std::int64_t count, int maskSize,
    std::int64_t height, std::int64_t width, float threshold, std::uint8_t* output,
    ParallelFor const& parallelFor)
{
    if (height == 0 || width == 0)
    {
        return;
    }
    std::int64_t const rowsPerTask = std::max<std::int64_t>(kTaskPixels / width, 1);
    std::int64_t const tasksPerMask = divideUp(height, rowsPerTask);
    parallelFor(count * tasksPerMask,
        [&](std::int64_t task)
        {
            std::int64_t const index = task / tasksPerMask;
            std::int64_t const first = task % tasksPerMask * rowsPerTask;
            std::int64_t const last = std::min(first + rowsPerTask, height);
            std::uint8_t* const canvas = output + index * height * width;
            std::memset(
                canvas + first * width, 0, static_cast<std::size_t>((last - first) * width));
            float const* const box = boxes + index * 4;
            PasteWindow const window = pasteWindow(box[1], box[3], height);
            PasteWindow const rows{std::max(window.first, first), std::min(window.last, last)};
            if (rows.first < rows.last)
            {
                pasteRows(masks + index * maskSize * maskSize, maskSize, box, rows, width,
                    threshold, canvas);
            }
        });
}

template <typename T>
void pasteRuns(T const* mask, int maskSize, float const* box, std::int64_t height,
    std::int64_t width, float threshold, std::vector<std::int64_t>& edges)
{
    PasteWindow const rows = pasteWindow(box[1], box[3], height);
    PasteWindow const columns = pasteWindow(box[0], box[2], width);
    auto const length = static_cast<std::size_t>(rows.last - rows.first);
    if (length == 0 || columns.first == columns.last)
    {
        return;
    }
    // Each column of the mask in the image's rows, one after the other: columns of the image are
    // sums of two of them.
    std::vector<PasteTap> const taps = pasteTaps(rows, box[1], box[3], maskSize);
    std::vector<float> between(length * static_cast<std::size_t>(maskSize));
    for (int cell = 0; cell < maskSize; ++cell)
    {
        float* const target = between.data() + static_cast<std::size_t>(cell) * length;
        for (std::size_t row = 0; row < length; ++row)
        {
            PasteTap const& y = taps[row];
            target[row] = toFloat(mask[y.low * maskSize + cell]) * y.lowWeight
                + toFloat(mask[y.high * maskSize + cell]) * y.highWeight;
        }
    }
    std::vector<std::uint8_t> pixels(length);
    for (std::int64_t column = columns.first; column < columns.last; ++column)
    {
        PasteTap const x = pasteTap(column, box[0], box[2], maskSize);
        float const* const low = between.data() + static_cast<std::size_t>(x.low) * length;
        float const* const high = between.data() + static_cast<std::size_t>(x.high) * length;
        for (std::size_t row = 0; row < length; ++row)
        {
            pixels[row] = low[row] * x.lowWeight + high[row] * x.highWeight >= threshold ? 1 : 0;
        }
        appendRuns(pixels, column * height + rows.first, edges);
    }
}

template void pasteMasks<float>(float const*, float const*, std::int64_t, int, std::int64_t,
    std::int64_t, float, std::uint8_t*, ParallelFor const&);
template void pasteMasks<Half>(Half const*, float const*, std::int64_t, int, std::int64_t,
    std::int64_t, float, std::uint8_t*, ParallelFor const&);
template void pasteRuns<float>(
    float const*, int, float const*, std::int64_t, std::int64_t, float, std::vector<std::int64_t>&);
template void pasteRuns<Half>(
    Half const*, int, float const*, std::int64_t, std::int64_t, float, std::vector<std::int64_t>&);

} // namespace refinemask
