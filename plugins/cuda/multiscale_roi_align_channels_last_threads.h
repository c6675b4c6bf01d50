// What the threads of the RoIAlign kernel for channels-last maps do, between the barriers of a
// block.
//
// A block again pools a slab of channels of one RoI, from the same tables of samples. All channels
// of a cell lie together here: neighbouring threads take neighbouring channels of one bin, as many
// as one 16-byte access holds, so that a warp reads and writes whole stretches of memory at every
// sample.
#pragma once

#include "cuda/multiscale_roi_align_threads.h"
#include "cuda/packed.h"

namespace refinemask
{

//! Maps are batch x height x width x cellStride, the output is numRois x S x S x cellStride.
template <typename T>
struct ChannelsLastArguments
{
    RoIAlignArguments<T> common;
    int cellStride; //!< elements from a cell to the next: the channels, and padding behind them
};

//! Whether every cell of the maps and of the output starts where a 16-byte access may.
template <typename T>
bool hasAlignedCells(ChannelsLastArguments<T> const& arguments)
{
    bool aligned = arguments.cellStride % kPerAccess<T> == 0 && isAligned(arguments.common.output);
    for (int level = 0; level < arguments.common.params.numLevels; ++level)
    {
        aligned = aligned && isAligned(arguments.common.levels[level].data);
    }
    return aligned;
}

//! The samples of a bin on one axis, out of a table.
struct TabulatedTaps
{
    Tap const* taps;

    REFINEMASK_HD Tap operator()(int sample) const
    {
        return taps[sample];
    }
};

//! The same, worked out one by one.
struct ComputedTaps
{
    AxisSamples axis;
    int bin;
    int size;

    REFINEMASK_HD Tap operator()(int sample) const
    {
        return sampleTap(samplePosition(axis, bin, sample), size);
    }
};

template <int kCount, typename T>
REFINEMASK_HD Packed<T, kCount> readCell(T const* cell)
{
    return *reinterpret_cast<Packed<T, kCount> const*>(cell);
}

//! Add one sample of neighbouring channels; `top` and `bottom` are the first of them in the rows of
//! its cells.
template <int kCount, typename T>
REFINEMASK_HD void addSample(float (&sums)[kCount], CornerWeights const& weights, T const* top,
    T const* bottom, Tap const& x, int cellStride)
{
    std::int64_t const low = static_cast<std::int64_t>(x.low) * cellStride;
    std::int64_t const high = static_cast<std::int64_t>(x.high) * cellStride;
    auto const topLow = readCell<kCount>(top + low);
    auto const topHigh = readCell<kCount>(top + high);
    auto const bottomLow = readCell<kCount>(bottom + low);
    auto const bottomHigh = readCell<kCount>(bottom + high);
    for (int k = 0; k < kCount; ++k)
    {
        sums[k] += weightedCorners(weights, toFloat(topLow.values[k]), toFloat(topHigh.values[k]),
            toFloat(bottomLow.values[k]), toFloat(bottomHigh.values[k]));
    }
}

//! Pool one bin in neighbouring channels, in the order of pooledValue(); `map` is the first of them
//! in the first cell.
template <int kCount, typename T, typename Taps>
REFINEMASK_HD void poolChannels(float (&pooled)[kCount], PooledRoI<T> const& roi, T const* map,
    int cellStride, Taps const& rowTaps, Taps const& columnTaps)
{
    std::int64_t const rowStride = static_cast<std::int64_t>(roi.level.width) * cellStride;
    float sums[kCount] = {};
    for (int i = 0; i < roi.vertical.count; ++i)
    {
        Tap const y = rowTaps(i);
        T const* const top = map + y.low * rowStride;
        T const* const bottom = map + y.high * rowStride;
        // Unrolled, the loop would take registers that only spills could give.
        REFINEMASK_NOT_UNROLLED
        for (int j = 0; j < roi.horizontal.count; ++j)
        {
            Tap const x = columnTaps(j);
            addSample(sums, cornerWeights(y, x), top, bottom, x, cellStride);
        }
    }
    int const samples = roi.vertical.count * roi.horizontal.count;
    for (int k = 0; k < kCount; ++k)
    {
        pooled[k] = samples > 0 ? sums[k] / static_cast<float>(samples) : 0.F;
    }
}

//! Write neighbouring channels of a bin, of which the first `count` are no padding. Padding is 0:
//! what reads it multiplies it by weights of 0, which a NaN would survive.
template <int kCount, typename T>
REFINEMASK_HD void writeChannels(T* output, float const (&pooled)[kCount], int count)
{
    Packed<T, kCount> packed;
    for (int k = 0; k < kCount; ++k)
    {
        packed.values[k] = fromFloat<T>(k < count ? pooled[k] : 0.F);
    }
    *reinterpret_cast<Packed<T, kCount>*>(output) = packed;
}

//! After the barrier: a thread's share of the bins of one slab of channels, kCount at a time, which
//! divides the slab and the stride of the cells.
template <int kCount, typename T>
REFINEMASK_HD void poolCells(ChannelsLastArguments<T> const& arguments, RoITaps const& taps,
    PooledRoI<T> const& roi, std::int64_t roiIndex, int slab, int thread)
{
    int const side = arguments.common.params.outputSize;
    int const bins = side * side;
    int const cellStride = arguments.cellStride;
    int const firstChannel = slab * kChannelsPerBlock;
    int const left = cellStride - firstChannel;
    int const groups = (left < kChannelsPerBlock ? left : kChannelsPerBlock) / kCount;
    std::int64_t const cells = static_cast<std::int64_t>(roi.level.height) * roi.level.width;
    T const* const map = roi.level.data + roi.image * cells * cellStride + firstChannel;
    T* const output = arguments.common.output + roiIndex * bins * cellStride + firstChannel;
    bool const tabulated = fitsTable(roi.vertical, side) && fitsTable(roi.horizontal, side);
    for (int item = thread; item < groups * bins; item += kRoIAlignThreads)
    {
        int const bin = item / groups;
        int const channel = (item - bin * groups) * kCount;
        int const row = bin / side;
        int const column = bin - row * side;
        float pooled[kCount];
        if (tabulated)
        {
            poolChannels(pooled, roi, map + channel, cellStride,
                TabulatedTaps{taps.vertical + row * roi.vertical.count},
                TabulatedTaps{taps.horizontal + column * roi.horizontal.count});
        }
        else
        {
            poolChannels(pooled, roi, map + channel, cellStride,
                ComputedTaps{roi.vertical, row, roi.level.height},
                ComputedTaps{roi.horizontal, column, roi.level.width});
        }
        writeChannels(output + static_cast<std::int64_t>(bin) * cellStride + channel, pooled,
            arguments.common.channels - firstChannel - channel);
    }
}

} // namespace refinemask
