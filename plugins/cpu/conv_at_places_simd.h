// What the loops of ConvAtPlaces are given (conv_at_places_simd.cpp). Data only, see cpu/simd.h.
#pragma once

#include <cstdint>

namespace refinemask
{

//! The most places and outputs of a block, whichever the instruction set.
constexpr int kMostConvPlaces = 8;
constexpr int kMostConvOutputs = 64;

//! A convolution at a block of places, for a block of outputs.
template <typename T>
struct ConvBlock
{
    int taps; //!< pixels of the kernel
    std::int64_t channels;
    //! Taps x places: the pixel in the first channel, and the elements from there to the next
    //! channel. A pixel outside of the map is a zero, with 0 elements to the next.
    T const* const* pixels;
    std::int64_t const* strides;
    float const* weights; //!< taps x channels x outputs
    float const* bias;    //!< outputs
};

} // namespace refinemask
