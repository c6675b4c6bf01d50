// CUDA: resample masks from their boxes into images. See paste_masks_threads.h.

#include "cuda/paste_masks.h"

#include "cuda/element_types.h"
#include "cuda/paste_masks_threads.h"

#include <algorithm>

namespace refinemask
{

namespace
{

template <typename T>
__global__ void __launch_bounds__(kPasteThreads, 4)
    pasteWindows(__grid_constant__ PasteMasksArguments<T> const arguments, int firstBand)
{
    __shared__ PasteTap taps[kPasteRows];
    std::int64_t const mask = blockIdx.x;
    int const thread = static_cast<int>(threadIdx.x);
    float const* const box = arguments.boxes + mask * 4;
    PasteWindow const band = pasteBand(arguments, box, firstBand + static_cast<int>(blockIdx.y));
    if (band.first >= band.last)
    {
        return;
    }
    tabulateRows(arguments, taps, band, box, thread);
    __syncthreads();
    pasteColumns(arguments, taps, band, box, mask, thread);
}

template <typename T>
void launchPasteWindows(PasteMasksLaunch const& launch, cudaStream_t stream)
{
    PasteMasksArguments<T> const arguments{static_cast<T const*>(launch.masks), launch.boxes,
        launch.output, launch.maskSize, launch.height, launch.width, launch.threshold};
    std::int64_t const bands = (launch.height + kPasteRows - 1) / kPasteRows;
    for (std::int64_t first = 0; first < bands; first += kLargestGridY)
    {
        std::int64_t const count = std::min<std::int64_t>(bands - first, kLargestGridY);
        dim3 const grid(static_cast<unsigned>(launch.count), static_cast<unsigned>(count));
        pasteWindows<T><<<grid, kPasteThreads, 0, stream>>>(arguments, static_cast<int>(first));
    }
}

} // namespace

cudaError_t launchPasteMasks(PasteMasksLaunch const& launch, cudaStream_t stream)
{
    std::int64_t const pixels = launch.count * launch.height * launch.width;
    if (pixels == 0)
    {
        return cudaSuccess;
    }
    cudaError_t const cleared
        = cudaMemsetAsync(launch.output, 0, static_cast<std::size_t>(pixels), stream);
    if (cleared != cudaSuccess)
    {
        return cleared;
    }
    withElementType(launch.type,
        [&](auto tag)
        {
            launchPasteWindows<typename decltype(tag)::Type>(launch, stream);
        });
    return cudaPeekAtLastError();
}

} // namespace refinemask
