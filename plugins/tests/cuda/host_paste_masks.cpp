#include "cuda/paste_masks.h"
#include "cuda/paste_masks_threads.h"
#include "tests/cuda/host_threads.h"

#include <algorithm>

namespace refinemask
{

namespace
{

using namespace test;

template <typename T>
void pasteWindows(PasteMasksLaunch const& launch)
{
    PasteMasksArguments<T> const arguments{static_cast<T const*>(launch.masks), launch.boxes,
        launch.output, launch.maskSize, launch.height, launch.width, launch.threshold};
    std::int64_t const bands = (launch.height + kPasteRows - 1) / kPasteRows;
    for (std::int64_t mask = 0; mask < launch.count; ++mask)
    {
        for (int index = 0; index < bands; ++index)
        {
            float const* const box = arguments.boxes + mask * 4;
            PasteWindow const band = pasteBand(arguments, box, index);
            if (band.first >= band.last)
            {
                continue;
            }
            struct Taps
            {
                PasteTap rows[kPasteRows];
            };
            auto const taps = makeShared<Taps>();
            forThreads(kPasteThreads,
                [&](int thread)
                {
                    tabulateRows(arguments, taps->rows, band, box, thread);
                });
            forThreads(kPasteThreads,
                [&](int thread)
                {
                    pasteColumns(arguments, taps->rows, band, box, mask, thread);
                });
        }
    }
}

} // namespace

cudaError_t launchPasteMasks(PasteMasksLaunch const& launch, cudaStream_t /*stream*/)
{
    std::fill_n(launch.output, launch.count * launch.height * launch.width, std::uint8_t{0});
    return withElementType(launch.type,
        [&](auto tag)
        {
            pasteWindows<typename decltype(tag)::Type>(launch);
        });
}

} // namespace refinemask
