// What the threads of the kernel of ConvAtPlaces do, before and after its barriers.
//
// A block makes a tile of the product of pixels and weights: kConvTile places by kConvTile outputs.
// It takes kConvDepth terms of the sums at a time, channels of one pixel of the kernel after the
// other, into shared memory; every thread adds them to its kConvShare x kConvShare sums.
#pragma once

#include "kernels/conv_at_places.h"

#include <cmath>

namespace refinemask
{

constexpr int kConvTile = 64;
constexpr int kConvShare = 4;
constexpr int kConvSide = kConvTile / kConvShare; //!< threads along places, and along outputs
constexpr int kConvThreads = kConvSide * kConvSide;
constexpr int kConvDepth = 16;

template <typename T>
struct ConvAtPlacesArguments
{
    T const* maps;
    MapsShape shape;
    std::int64_t const* places;
    std::int64_t numPlaces;
    PlaceKernel kernel;
    T const* weight;
    T const* bias;
    T* output;
};

//! In shared memory: terms of the sums.
struct ConvTerms
{
    float pixels[kConvDepth][kConvTile];
    float weights[kConvDepth][kConvTile];
};

struct ConvSums
{
    float values[kConvShare][kConvShare]; //!< of places and outputs
};

//! A step: one pixel of the kernel, and channels from `channel` on.
struct ConvStep
{
    std::int64_t tap;
    std::int64_t channel;
};

template <typename T>
REFINEMASK_HD bool isStep(ConvAtPlacesArguments<T> const& arguments, ConvStep const& step)
{
    return step.tap < arguments.kernel.side * arguments.kernel.side && arguments.shape.channels > 0;
}

template <typename T>
REFINEMASK_HD ConvStep nextStep(ConvAtPlacesArguments<T> const& arguments, ConvStep const& step)
{
    std::int64_t const channel = step.channel + kConvDepth;
    return channel < arguments.shape.channels ? ConvStep{step.tap, channel}
                                              : ConvStep{step.tap + 1, 0};
}

//! The first channel of the pixel that a place takes in a step, or kOutside.
template <typename T>
REFINEMASK_HD std::int64_t convPixel(
    ConvAtPlacesArguments<T> const& arguments, std::int64_t place, ConvStep const& step)
{
    MapsShape const& shape = arguments.shape;
    if (place >= arguments.numPlaces)
    {
        return kOutside;
    }
    std::int64_t const* const at = arguments.places + 3 * place;
    PlaceAxis const axis = kernelAxis(arguments.kernel);
    std::int64_t const y = pixelAt(axis, at[1], step.tap / arguments.kernel.side, shape.height);
    std::int64_t const x = pixelAt(axis, at[2], step.tap % arguments.kernel.side, shape.width);
    if (!isMap(shape, at[0]) || y == kOutside || x == kOutside)
    {
        return kOutside;
    }
    return (at[0] * shape.channels * shape.height + y) * shape.width + x;
}

//! Before the barrier: neighbouring threads read neighbouring places, and weights.
template <typename T>
REFINEMASK_HD void loadTerms(ConvAtPlacesArguments<T> const& arguments, ConvTerms& shared,
    ConvStep const& step, std::int64_t firstPlace, std::int64_t firstOutput, int thread)
{
    int const column = thread % kConvTile;
    std::int64_t const plane = planeOf(arguments.shape);
    std::int64_t const channels = arguments.shape.channels;
    std::int64_t const taps = arguments.kernel.side * arguments.kernel.side;
    std::int64_t const pixel = convPixel(arguments, firstPlace + column, step);
    std::int64_t const output = firstOutput + column;
    for (int depth = thread / kConvTile; depth < kConvDepth; depth += kConvThreads / kConvTile)
    {
        std::int64_t const channel = step.channel + depth;
        bool const exists = channel < channels;
        shared.pixels[depth][column]
            = exists && pixel != kOutside ? toFloat(arguments.maps[pixel + channel * plane]) : 0.F;
        shared.weights[depth][column] = exists && output < arguments.kernel.outputs
            ? toFloat(arguments.weight[(output * channels + channel) * taps + step.tap])
            : 0.F;
    }
}

//! After the barrier.
REFINEMASK_HD void addTerms(ConvTerms const& shared, ConvSums& sums, int thread)
{
    int const place = thread % kConvSide * kConvShare;
    int const output = thread / kConvSide * kConvShare;
    for (int depth = 0; depth < kConvDepth; ++depth)
    {
        for (int i = 0; i < kConvShare; ++i)
        {
            for (int j = 0; j < kConvShare; ++j)
            {
                sums.values[i][j] = fmaf(shared.pixels[depth][place + i],
                    shared.weights[depth][output + j], sums.values[i][j]);
            }
        }
    }
}

template <typename T>
REFINEMASK_HD void startSums(
    ConvAtPlacesArguments<T> const& arguments, ConvSums& sums, std::int64_t firstOutput, int thread)
{
    for (int j = 0; j < kConvShare; ++j)
    {
        std::int64_t const output = firstOutput + thread / kConvSide * kConvShare + j;
        float const bias
            = output < arguments.kernel.outputs ? toFloat(arguments.bias[output]) : 0.F;
        for (int i = 0; i < kConvShare; ++i)
        {
            sums.values[i][j] = bias;
        }
    }
}

template <typename T>
REFINEMASK_HD void storeSums(ConvAtPlacesArguments<T> const& arguments, ConvSums const& sums,
    std::int64_t firstPlace, std::int64_t firstOutput, int thread)
{
    for (int i = 0; i < kConvShare; ++i)
    {
        std::int64_t const place = firstPlace + thread % kConvSide * kConvShare + i;
        for (int j = 0; j < kConvShare; ++j)
        {
            std::int64_t const output = firstOutput + thread / kConvSide * kConvShare + j;
            if (place < arguments.numPlaces && output < arguments.kernel.outputs)
            {
                arguments.output[place * arguments.kernel.outputs + output]
                    = fromFloat<T>(sums.values[i][j]);
            }
        }
    }
}

} // namespace refinemask
