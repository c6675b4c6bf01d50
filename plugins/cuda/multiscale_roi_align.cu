// CUDA: RoIAlign over the levels of a feature pyramid. See multiscale_roi_align_threads.h, and for
// channels-last maps multiscale_roi_align_channels_last_threads.h.

#include "cuda/multiscale_roi_align.h"

#include "cuda/element_types.h"
#include "cuda/multiscale_roi_align_channels_last_threads.h"
#include "cuda/multiscale_roi_align_threads.h"
#include "operators/multiscale_roi_align.h"

namespace refinemask
{

namespace
{

static_assert(kLargestChannels <= std::int64_t{kLargestGridY} * kChannelsPerBlock);

// As many blocks of a multiprocessor as leave registers enough that none is spilled (README.md).
constexpr int kChannelsLastBlocksPerMultiprocessor = 4;
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 1200
constexpr int kBlocksPerMultiprocessor = 3;
#else
constexpr int kBlocksPerMultiprocessor = 4;
#endif

template <typename T>
__global__ void __launch_bounds__(kRoIAlignThreads, kBlocksPerMultiprocessor)
    poolRoIs(__grid_constant__ RoIAlignArguments<T> const arguments)
{
    __shared__ RoITaps taps;
    std::int64_t const index = blockIdx.x;
    int const slab = static_cast<int>(blockIdx.y);
    int const thread = static_cast<int>(threadIdx.x);
    PooledRoI<T> const roi = readRoI(arguments, index);
    tabulateRoI(taps, roi, arguments.params.outputSize, thread);
    __syncthreads();
    poolBins(arguments, taps, roi, index, slab, thread);
}

template <typename T, int kCount>
__global__ void __launch_bounds__(kRoIAlignThreads, kChannelsLastBlocksPerMultiprocessor)
    poolRoIsChannelsLast(__grid_constant__ ChannelsLastArguments<T> const arguments)
{
    __shared__ RoITaps taps;
    std::int64_t const index = blockIdx.x;
    int const slab = static_cast<int>(blockIdx.y);
    int const thread = static_cast<int>(threadIdx.x);
    PooledRoI<T> const roi = readRoI(arguments.common, index);
    tabulateRoI(taps, roi, arguments.common.params.outputSize, thread);
    __syncthreads();
    poolCells<kCount>(arguments, taps, roi, index, slab, thread);
}

dim3 gridOf(RoIAlignLaunch const& launch, int channels)
{
    auto const slabs
        = static_cast<unsigned>((channels + kChannelsPerBlock - 1) / kChannelsPerBlock);
    return dim3(static_cast<unsigned>(launch.numRois), slabs);
}

template <typename T>
void launchPoolRoIs(RoIAlignLaunch const& launch, cudaStream_t stream)
{
    RoIAlignArguments<T> arguments{launch.rois, {}, launch.batch, launch.channels, launch.params,
        static_cast<T*>(launch.output)};
    for (int level = 0; level < launch.params.numLevels; ++level)
    {
        FeatureMap const& map = launch.levels[level];
        arguments.levels[level]
            = FeatureLevel<T>{static_cast<T const*>(map.data), map.height, map.width};
    }
    if (launch.cellStride == 0)
    {
        poolRoIs<T><<<gridOf(launch, launch.channels), kRoIAlignThreads, 0, stream>>>(arguments);
        return;
    }
    ChannelsLastArguments<T> const channelsLast{arguments, launch.cellStride};
    dim3 const grid = gridOf(launch, launch.cellStride);
    if (hasAlignedCells(channelsLast))
    {
        poolRoIsChannelsLast<T, kPerAccess<T>><<<grid, kRoIAlignThreads, 0, stream>>>(channelsLast);
    }
    else
    {
        poolRoIsChannelsLast<T, 1><<<grid, kRoIAlignThreads, 0, stream>>>(channelsLast);
    }
}

} // namespace

cudaError_t launchMultiScaleRoIAlign(RoIAlignLaunch const& launch, cudaStream_t stream)
{
    if (launch.numRois == 0 || launch.channels == 0)
    {
        return cudaSuccess;
    }
    withElementType(launch.type,
        [&](auto tag)
        {
            launchPoolRoIs<typename decltype(tag)::Type>(launch, stream);
        });
    return cudaPeekAtLastError();
}

} // namespace refinemask
