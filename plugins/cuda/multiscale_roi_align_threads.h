// What the threads of the RoIAlign kernel do, between the barriers of a block.
//
// One block pools a slab of channels of one RoI. Its threads first work out where the RoI's samples
// lie, once for each axis, and then walk over the bins, each thread pooling one bin in several
// channels at a time: a sample's cells and weights serve them all, and their loads do not wait for
// each other. Neighbouring threads write neighbouring elements of the output and read neighbouring
// cells of a row; with maps stored by channel, cells of neighbouring channels are far apart.
#pragma once

#include "kernels/multiscale_roi_align.h"

namespace refinemask
{

constexpr int kRoIAlignThreads = 256;
constexpr int kChannelsPerBlock = 64;
constexpr int kChannelsPerThread = 4;
//! Samples on one axis that a block keeps: enough for RoIs of up to so many cells. In larger ones,
//! every thread works out the samples that it needs.
constexpr int kTapsPerAxis = 512;

template <typename T>
struct RoIAlignArguments
{
    float const* rois;
    FeatureLevel<T> levels[kMaxLevels];
    int batch;
    int channels;
    RoIAlignParams params;
    T* output;
};

//! The samples of one RoI, bin after bin; in shared memory.
struct RoITaps
{
    Tap vertical[kTapsPerAxis];
    Tap horizontal[kTapsPerAxis];
};

//! Where one RoI is pooled from.
template <typename T>
struct PooledRoI
{
    FeatureLevel<T> level;
    std::int64_t image;
    AxisSamples vertical;
    AxisSamples horizontal;
};

//! Read RoI `index`; one whose image is not in the batch has no samples.
template <typename T>
REFINEMASK_HD PooledRoI<T> readRoI(RoIAlignArguments<T> const& arguments, std::int64_t index)
{
    float const* const roi = arguments.rois + index * 5;
    RoIAlignParams const& params = arguments.params;
    int const level = assignLevel(roi + 1, params);
    float const scale = params.spatialScale[level];
    PooledRoI<T> pooled{arguments.levels[level], 0, axisSamples(roi[2], roi[4], scale, params),
        axisSamples(roi[1], roi[3], scale, params)};
    if (roi[0] >= 0.F && roi[0] < static_cast<float>(arguments.batch)) // not for NaN
    {
        pooled.image = static_cast<std::int64_t>(roi[0]);
    }
    else
    {
        pooled.vertical.count = 0;
    }
    return pooled;
}

REFINEMASK_HD bool fitsTable(AxisSamples const& axis, int outputSize)
{
    return axis.count <= kTapsPerAxis / outputSize;
}

//! A thread's share of the samples on one axis.
REFINEMASK_HD void tabulateTaps(
    Tap* taps, AxisSamples const& axis, int outputSize, int size, int thread)
{
    for (int i = thread; fitsTable(axis, outputSize) && i < axis.count * outputSize;
        i += kRoIAlignThreads)
    {
        taps[i] = sampleTap(samplePosition(axis, i / axis.count, i % axis.count), size);
    }
}

//! Before the barrier: fill the tables.
template <typename T>
REFINEMASK_HD void tabulateRoI(RoITaps& taps, PooledRoI<T> const& roi, int outputSize, int thread)
{
    tabulateTaps(taps.vertical, roi.vertical, outputSize, roi.level.height, thread);
    tabulateTaps(taps.horizontal, roi.horizontal, outputSize, roi.level.width, thread);
}

//! Maps of the channels that a thread pools, `step` elements apart; at most kChannelsPerThread.
template <typename T>
struct ChannelMaps
{
    T const* first;
    std::int64_t step;
    int count;
};

//! Pool one bin in several maps from the tables, in the order of pooledValue(); each `next` to the
//! one before in the output.
template <typename T>
REFINEMASK_HD void poolTabulated(RoITaps const& taps, PooledRoI<T> const& roi, int row, int column,
    ChannelMaps<T> const& maps, T* output, std::int64_t next)
{
    Tap const* const rowTaps = taps.vertical + row * roi.vertical.count;
    Tap const* const columnTaps = taps.horizontal + column * roi.horizontal.count;
    int const width = roi.level.width;
    float sums[kChannelsPerThread] = {};
    for (int i = 0; i < roi.vertical.count; ++i)
    {
        T const* const top = maps.first + rowTaps[i].low * width;
        T const* const bottom = maps.first + rowTaps[i].high * width;
        for (int j = 0; j < roi.horizontal.count; ++j)
        {
            Tap const x = columnTaps[j];
            CornerWeights const weights = cornerWeights(rowTaps[i], x);
            for (int k = 0; k < kChannelsPerThread; ++k)
            {
                if (k < maps.count)
                {
                    sums[k]
                        += sampledValue(weights, top + k * maps.step, bottom + k * maps.step, x);
                }
            }
        }
    }
    int const samples = roi.vertical.count * roi.horizontal.count;
    for (int k = 0; k < kChannelsPerThread; ++k)
    {
        if (k < maps.count)
        {
            output[k * next]
                = fromFloat<T>(samples > 0 ? sums[k] / static_cast<float>(samples) : 0.F);
        }
    }
}

//! The same without tables.
template <typename T>
REFINEMASK_HD void poolDirectly(PooledRoI<T> const& roi, int row, int column,
    ChannelMaps<T> const& maps, T* output, std::int64_t next)
{
    for (int k = 0; k < maps.count; ++k)
    {
        output[k * next] = fromFloat<T>(pooledValue(maps.first + k * maps.step, roi.level.height,
            roi.level.width, roi.vertical, roi.horizontal, row, column));
    }
}

//! After the barrier: a thread's share of the bins of one slab of channels.
template <typename T>
REFINEMASK_HD void poolBins(RoIAlignArguments<T> const& arguments, RoITaps const& taps,
    PooledRoI<T> const& roi, std::int64_t roiIndex, int slab, int thread)
{
    int const side = arguments.params.outputSize;
    int const bins = side * side;
    int const firstChannel = slab * kChannelsPerBlock;
    int const left = arguments.channels - firstChannel;
    int const channels = left < kChannelsPerBlock ? left : kChannelsPerBlock;
    // A thread's channels lie `groups` apart, so that consecutive items are consecutive outputs.
    int const groups = (channels + kChannelsPerThread - 1) / kChannelsPerThread;
    std::int64_t const plane = static_cast<std::int64_t>(roi.level.height) * roi.level.width;
    T const* const map = roi.level.data + (roi.image * arguments.channels + firstChannel) * plane;
    T* const output = arguments.output + (roiIndex * arguments.channels + firstChannel) * bins;
    bool const tabulated = fitsTable(roi.vertical, side) && fitsTable(roi.horizontal, side);
    for (int item = thread; item < groups * bins; item += kRoIAlignThreads)
    {
        int const group = item / bins;
        int const bin = item - group * bins;
        int const row = bin / side;
        int const column = bin - row * side;
        ChannelMaps<T> const maps{
            map + group * plane, groups * plane, (channels - group + groups - 1) / groups};
        std::int64_t const next = static_cast<std::int64_t>(groups) * bins;
        if (tabulated)
        {
            poolTabulated(taps, roi, row, column, maps, output + item, next);
        }
        else
        {
            poolDirectly(roi, row, column, maps, output + item, next);
        }
    }
}

} // namespace refinemask
