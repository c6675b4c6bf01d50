#include "cuda/multiscale_roi_align.h"
#include "cuda/multiscale_roi_align_channels_last_threads.h"
#include "cuda/multiscale_roi_align_threads.h"
#include "tests/cuda/host_threads.h"

namespace refinemask
{

namespace
{

using namespace test;

//! What comes before and after the barrier, block after block.
template <typename T, typename Function>
void forSlabsOfRoIs(
    RoIAlignArguments<T> const& arguments, std::int64_t numRois, int channels, Function const& pool)
{
    int const slabs = (channels + kChannelsPerBlock - 1) / kChannelsPerBlock;
    for (std::int64_t index = 0; index < numRois; ++index)
    {
        for (int slab = 0; slab < slabs; ++slab)
        {
            auto const taps = makeShared<RoITaps>();
            PooledRoI<T> const roi = readRoI(arguments, index);
            forThreads(kRoIAlignThreads,
                [&](int thread)
                {
                    tabulateRoI(*taps, roi, arguments.params.outputSize, thread);
                });
            forThreads(kRoIAlignThreads,
                [&](int thread)
                {
                    pool(*taps, roi, index, slab, thread);
                });
        }
    }
}

template <int kCount, typename T>
void poolRoIsChannelsLast(ChannelsLastArguments<T> const& arguments, std::int64_t numRois)
{
    forSlabsOfRoIs(arguments.common, numRois, arguments.cellStride,
        [&](RoITaps const& taps, PooledRoI<T> const& roi, std::int64_t index, int slab, int thread)
        {
            poolCells<kCount>(arguments, taps, roi, index, slab, thread);
        });
}

template <typename T>
void poolRoIs(RoIAlignLaunch const& launch)
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
        forSlabsOfRoIs(arguments, launch.numRois, launch.channels,
            [&](RoITaps const& taps, PooledRoI<T> const& roi, std::int64_t index, int slab,
                int thread)
            {
                poolBins(arguments, taps, roi, index, slab, thread);
            });
        return;
    }
    ChannelsLastArguments<T> const channelsLast{arguments, launch.cellStride};
    if (hasAlignedCells(channelsLast))
    {
        poolRoIsChannelsLast<kPerAccess<T>>(channelsLast, launch.numRois);
    }
    else
    {
        poolRoIsChannelsLast<1>(channelsLast, launch.numRois);
    }
}

} // namespace

cudaError_t launchMultiScaleRoIAlign(RoIAlignLaunch const& launch, cudaStream_t /*stream*/)
{
    return withElementType(launch.type,
        [&](auto tag)
        {
            poolRoIs<typename decltype(tag)::Type>(launch);
        });
}

} // namespace refinemask
