// What resizing does to one sample, in integers: the results are the same bit for bit, however many
// are done at once, on the CPU and on GPUs. Always inlined, as kernels/ is, and for the same
// reason.
#pragma once

#include "image/resize_simd.h"
#include "kernels/host_device.h"

#include <cmath>

namespace refinemask
{

//! What the sum of two weighted bytes has behind the point and an interpolated sample has not.
constexpr int kRowShift = kResizeWeightBits - kResizeRowBits;
//! Of a product of sample and weight, 16 bits are dropped, and these are left behind the point.
constexpr int kBlendShift = kResizeRowBits + kResizeWeightBits - 16;

//! std::min might be compiled for one instruction set and then be called by others.
REFINEMASK_HD std::int64_t lesser(std::int64_t a, std::int64_t b)
{
    return a < b ? a : b;
}

//! What a target pixel reads on one axis: a source pixel and the next one, which may both lie
//! outside the image.
struct ImageTap
{
    std::int64_t low;
    std::int16_t lowWeight;
    std::int16_t highWeight;
};

//! Source pixels of a target pixel on an axis.
inline double resizeScale(std::int64_t length, std::int64_t count)
{
    // Types and order of these operations, and of those in imageTap(), decide the last bit.
    return 1. / (static_cast<double>(count) / static_cast<double>(length));
}

REFINEMASK_HD std::int16_t resizeWeight(float part)
{
    constexpr float kOne = 1 << kResizeWeightBits;
    return static_cast<std::int16_t>(lrintf(part * kOne)); // ties to even
}

REFINEMASK_HD ImageTap imageTap(std::int64_t pixel, double scale)
{
    auto const place = static_cast<float>((static_cast<double>(pixel) + 0.5) * scale - 0.5);
    float const low = floorf(place);
    float const part = place - low;
    return ImageTap{static_cast<std::int64_t>(low), resizeWeight(1.F - part), resizeWeight(part)};
}

//! The tap of a column, moved into an image whose last column is `last`: outside the centres of the
//! outer columns, the image goes on as there. The only column is its own neighbour.
REFINEMASK_HD ImageTap columnTap(std::int64_t pixel, double scale, std::int64_t last)
{
    constexpr std::int16_t kAll = 1 << kResizeWeightBits;
    ImageTap const tap = imageTap(pixel, scale);
    if (tap.low < 0 || last == 0)
    {
        return ImageTap{0, kAll, 0};
    }
    return tap.low >= last ? ImageTap{last - 1, 0, kAll} : tap;
}

//! The weights of a tap as interpolate() takes them.
REFINEMASK_HD std::int32_t packedWeights(ImageTap const& tap)
{
    return tap.lowWeight | static_cast<std::int32_t>(tap.highWeight) << 16;
}

//! The index of a row, or of the outer row nearest to it.
REFINEMASK_HD std::int64_t nearestRow(std::int64_t row, std::int64_t last)
{
    return row < 0 ? 0 : row > last ? last : row;
}

REFINEMASK_HD std::int16_t interpolate(std::uint8_t left, std::uint8_t right, std::int32_t weights)
{
    std::int32_t const leftWeight = weights & 0xFFFF;
    std::int32_t const rightWeight = weights >> 16;
    return static_cast<std::int16_t>((left * leftWeight + right * rightWeight) >> kRowShift);
}

REFINEMASK_HD std::uint8_t blend(
    std::int16_t top, std::int16_t bottom, std::int16_t topWeight, std::int16_t bottomWeight)
{
    std::int32_t const upper = top * topWeight >> 16;
    std::int32_t const lower = bottom * bottomWeight >> 16;
    return static_cast<std::uint8_t>((upper + lower + (1 << (kBlendShift - 1))) >> kBlendShift);
}

} // namespace refinemask
