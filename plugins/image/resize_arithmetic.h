// What the loops of resizing do to one sample, in integers: the results are the same bit for bit,
// however many are done at once. Everything is in the unnamed namespace, as in cpu/lanes.h.
#pragma once

#include "image/resize_simd.h"

namespace
{

using refinemask::kResizeColorSamples;
using refinemask::ResizeColumns;
using refinemask::ResizeRows;

//! What the sum of two weighted bytes has behind the point and an interpolated sample has not.
constexpr int kRowShift = refinemask::kResizeWeightBits - refinemask::kResizeRowBits;
//! Of a product of sample and weight, 16 bits are dropped, and these are left behind the point.
constexpr int kBlendShift = refinemask::kResizeRowBits + refinemask::kResizeWeightBits - 16;

//! std::min might be compiled for this instruction set and then be called by others.
inline std::int64_t lesser(std::int64_t a, std::int64_t b)
{
    return a < b ? a : b;
}

inline std::int16_t interpolate(std::uint8_t left, std::uint8_t right, std::int32_t weights)
{
    std::int32_t const leftWeight = weights & 0xFFFF;
    std::int32_t const rightWeight = weights >> 16;
    return static_cast<std::int16_t>((left * leftWeight + right * rightWeight) >> kRowShift);
}

inline std::uint8_t blend(std::int16_t top, std::int16_t bottom, ResizeRows const& rows)
{
    std::int32_t const upper = top * rows.topWeight >> 16;
    std::int32_t const lower = bottom * rows.bottomWeight >> 16;
    return static_cast<std::uint8_t>((upper + lower + (1 << (kBlendShift - 1))) >> kBlendShift);
}

} // namespace
