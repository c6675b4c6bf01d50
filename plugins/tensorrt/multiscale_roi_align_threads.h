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
//! Samples on one axis that a block keeps: RoIs of up to so many cells. Larger ones work out each
//! sample where they need it.
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
    if (!fitsTable(axis, outputSize))
    {
        return;
    }
    for (int i = thread; i < axis.count * outputSize; i += kRoIAlignThreads)
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

//! Sample `sample` of bin `bin` on one axis, from the table where it has it.
REFINEMASK_HD Tap findTap(
    Tap const* taps, bool tabulated, AxisSamples const& axis, int bin, int sample, int size)
{
    return tabulated ? taps[bin * axis.count + sample]
                     : sampleTap(samplePosition(axis, bin, sample), size);
}

//! Add the samples of one bin in kChannelsPerThread maps, in the order of pooledValue().
template <typename T>
REFINEMASK_HD void sumSamples(RoITaps const& taps, PooledRoI<T> const& roi, int outputSize, int row,
    int column, T const* const (&maps)[kChannelsPerThread], float (&sums)[kChannelsPerThread])
{
    bool const tabulatedY = fitsTable(roi.vertical, outputSize);
    bool const tabulatedX = fitsTable(roi.horizontal, outputSize);
    int const width = roi.level.width;
    for (int i = 0; i < roi.vertical.count; ++i)
    {
        Tap const y = findTap(taps.vertical, tabulatedY, roi.vertical, row, i, roi.level.height);
        for (int j = 0; j < roi.horizontal.count; ++j)
        {
            Tap const x = findTap(taps.horizontal, tabulatedX, roi.horizontal, column, j, width);
            CornerWeights const weights = cornerWeights(y, x);
            for (int k = 0; k < kChannelsPerThread; ++k)
            {
                sums[k]
                    += sampledValue(weights, maps[k] + y.low * width, maps[k] + y.high * width, x);
            }
        }
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
    int const samples = roi.vertical.count * roi.horizontal.count;
    for (int item = thread; item < groups * bins; item += kRoIAlignThreads)
    {
        int const group = item / bins;
        int const bin = item - group * bins;
        T const* maps[kChannelsPerThread];
        float sums[kChannelsPerThread];
        for (int k = 0; k < kChannelsPerThread; ++k)
        {
            int const channel = group + k * groups;
            maps[k] = map + (channel < channels ? channel : 0) * plane; // a stand-in past the last
            sums[k] = 0.F;
        }
        sumSamples(taps, roi, side, bin / side, bin % side, maps, sums);
        for (int k = 0; k < kChannelsPerThread; ++k)
        {
            if (group + k * groups < channels)
            {
                float const value = samples > 0 ? sums[k] / static_cast<float>(samples) : 0.F;
                output[static_cast<std::int64_t>(k) * groups * bins + item] = fromFloat<T>(value);
            }
        }
    }
}

} // namespace refinemask
