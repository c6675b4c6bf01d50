// What the loops of resizing are given. Resizing goes row by row: two source rows are interpolated
// to the width of the target, and a target row is blended from them.
#pragma once

#include <cstdint>

namespace refinemask
{

//! Bits of a weight: 1 is 2048.
constexpr int kResizeWeightBits = 11;
//! Bits that an interpolated sample has behind the point.
constexpr int kResizeRowBits = 7;
//! Source bytes that are read at once.
constexpr int kResizeLoadBytes = 8;
//! Of a pixel of an interpolated row whose target has colours; the fourth may be anything.
constexpr int kResizeColorSamples = 4;

//! What the pixels of a target row read, and how they are interpolated.
struct ResizeColumns
{
    std::int64_t count;          //!< pixels of a target row
    std::int64_t loadable;       //!< the first of them, which have kResizeLoadBytes from `left` on
    std::int32_t const* left;    //!< byte of the left one of the two source pixels of each
    std::int32_t const* weights; //!< of the left one, and in the upper half of the right one
    std::int32_t step;           //!< bytes from left to right; 0 if the source has one column
    std::int32_t channels;       //!< of a source pixel
    std::int32_t colors[3];      //!< the channels that are red, green and blue
    bool isHalf;                 //!< exactly two source pixels for each of the target
    bool isGrey; //!< the target has one channel, an interpolated row one sample a pixel
};

//! The rows of which a target row is blended, with their weights.
struct ResizeRows
{
    std::int16_t const* top;
    std::int16_t const* bottom;
    std::int16_t topWeight;
    std::int16_t bottomWeight;
};

} // namespace refinemask
