// RoIAlign over the levels of a feature pyramid (numerics 4), one output element at a time.
//
// Coordinates: RoIs are xyxy in pixels of the resized image; a feature cell of level l is
// strides[l] pixels wide, and with `aligned` its centre lies at half a cell.
#pragma once

#include "kernels/host_device.h"

#include <cmath>

namespace refinemask
{

constexpr int kMaxLevels = 5;
//! RoIs that would take more samples than this in a bin and axis are refused by the operators, and
//! pooled to 0 where nothing can refuse them.
constexpr int kMaxSamples = 1 << 14;

//! What the attributes of the operator say, ready for the kernel; passed by value.
struct RoIAlignParams
{
    int outputSize;    //!< S, cells of the pooled map on each side
    int samplingRatio; //!< samples per bin and axis; 0 adapts to the size of the RoI
    int numLevels;     //!< 1 to kMaxLevels
    bool aligned;
    float spatialScale[kMaxLevels]; //!< 1 / stride
    float smallestSide[kMaxLevels]; //!< of a RoI of the level, see smallestSide(); [0] is unused
};

//! One level of the pyramid: batch x channels x height x width, contiguous.
template <typename T>
struct FeatureLevel
{
    T const* data;
    int height;
    int width;
};

//! The samples of a RoI on one axis: `start + bin * binSize + (i + 0.5) * binSize / count`.
struct AxisSamples
{
    float start; //!< in cells
    float binSize;
    int count; //!< in each bin; 0 for a RoI of no extent
};

//! The two cells that a sample interpolates between, and their weights; both 0 outside the map.
struct Tap
{
    int low;
    int high;
    float lowWeight;
    float highWeight;
};

REFINEMASK_HD int assignLevel(float const* box, RoIAlignParams const& params)
{
    // The comparison fails for the NaN of a negative area, which leaves level 0.
    float const side = sqrtf((box[2] - box[0]) * (box[3] - box[1]));
    int level = 0;
    while (level + 1 < params.numLevels && side >= params.smallestSide[level + 1])
    {
        ++level;
    }
    return level;
}

//! The samples of the extent from `first` to `last` pixels.
REFINEMASK_HD AxisSamples axisSamples(
    float first, float last, float spatialScale, RoIAlignParams const& params)
{
    float const offset = params.aligned ? 0.5F : 0.F;
    float const start = first * spatialScale - offset;
    float extent = last * spatialScale - offset - start;
    if (!params.aligned)
    {
        extent = extent < 1.F ? 1.F : extent;
    }
    float const binSize = extent / static_cast<float>(params.outputSize);
    int count = params.samplingRatio;
    if (count <= 0)
    {
        // Also 0 where the extent is negative or NaN: nothing is sampled then.
        bool const countable = extent > 0.F && binSize <= static_cast<float>(kMaxSamples);
        count = countable ? static_cast<int>(ceilf(binSize)) : 0;
    }
    return AxisSamples{start, binSize, count};
}

REFINEMASK_HD float samplePosition(AxisSamples const& axis, int bin, int sample)
{
    return axis.start + static_cast<float>(bin) * axis.binSize
        + (static_cast<float>(sample) + 0.5F) * axis.binSize / static_cast<float>(axis.count);
}

REFINEMASK_HD Tap sampleTap(float position, int size)
{
    // Negated, so that NaN is outside too.
    if (!(position >= -1.F && position <= static_cast<float>(size)))
    {
        return Tap{0, 0, 0.F, 0.F};
    }
    position = position <= 0.F ? 0.F : position;
    int const low = static_cast<int>(position);
    if (low >= size - 1)
    {
        return Tap{size - 1, size - 1, 1.F, 0.F};
    }
    float const part = position - static_cast<float>(low);
    return Tap{low, low + 1, 1.F - part, part};
}

//! How much each of the four cells around a sample counts.
struct CornerWeights
{
    float topLow;
    float topHigh;
    float bottomLow;
    float bottomHigh;
};

REFINEMASK_HD CornerWeights cornerWeights(Tap const& y, Tap const& x)
{
    return CornerWeights{y.lowWeight * x.lowWeight, y.lowWeight * x.highWeight,
        y.highWeight * x.lowWeight, y.highWeight * x.highWeight};
}

REFINEMASK_HD float weightedCorners(
    CornerWeights const& weights, float topLow, float topHigh, float bottomLow, float bottomHigh)
{
    return weights.topLow * topLow + weights.topHigh * topHigh + weights.bottomLow * bottomLow
        + weights.bottomHigh * bottomHigh;
}

//! One sample; `top` and `bottom` are the rows of its cells.
template <typename T>
REFINEMASK_HD float sampledValue(
    CornerWeights const& weights, T const* top, T const* bottom, Tap const& x)
{
    return weightedCorners(weights, toFloat(top[x.low]), toFloat(top[x.high]),
        toFloat(bottom[x.low]), toFloat(bottom[x.high]));
}

//! The average of the samples of bin (row, column) of a RoI in one channel's map.
template <typename T>
REFINEMASK_HD float pooledValue(T const* map, int height, int width, AxisSamples const& vertical,
    AxisSamples const& horizontal, int row, int column)
{
    float sum = 0.F;
    for (int i = 0; i < vertical.count; ++i)
    {
        Tap const y = sampleTap(samplePosition(vertical, row, i), height);
        T const* const top = map + static_cast<std::int64_t>(y.low) * width;
        T const* const bottom = map + static_cast<std::int64_t>(y.high) * width;
        for (int j = 0; j < horizontal.count; ++j)
        {
            Tap const x = sampleTap(samplePosition(horizontal, column, j), width);
            sum += sampledValue(cornerWeights(y, x), top, bottom, x);
        }
    }
    int const samples = vertical.count * horizontal.count;
    return samples > 0 ? sum / static_cast<float>(samples) : 0.F;
}

//! The smallest float32 side, the square root of a RoI's area, whose level is at least `level`.
//!
//! The level is floor(log2(side / finestScale + 1e-6)); torchvision's convention adds the epsilon
//! after the logarithm and counts from the third level. Kernels compare with this instead, which
//! needs no logarithm and so falls the same way on every device. Host only.
inline float smallestSide(int level, float finestScale, bool epsilonAfterLog)
{
    auto const levelOf = [&](float side)
    {
        if (epsilonAfterLog)
        {
            float const log
                = static_cast<float>(std::log2(static_cast<double>(side / (4.F * finestScale))));
            return std::floor(4.F + log + 1e-6F) - 2.F;
        }
        float const ratio = side / finestScale + 1e-6F;
        return std::floor(static_cast<float>(std::log2(static_cast<double>(ratio))));
    };
    float side = std::ldexp(finestScale, level);
    for (float below = side; levelOf(below) >= static_cast<float>(level);
        below = std::nextafter(below, 0.F))
    {
        side = below;
    }
    return side;
}

} // namespace refinemask
