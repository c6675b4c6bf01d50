// The inner loops that gain from wide registers, compiled once for each instruction set.
//
// Each operator's loops are in its *_simd.cpp, and what they are given in its *_simd.h; simd.cpp
// chooses the instruction set when a loop is first used. These headers hold data only: an inline
// function with linkage might be compiled for AVX-512 in one file and then be the copy that every
// other file calls.
#pragma once

#include "cpu/batched_nms_simd.h"
#include "cpu/boundary_refine_simd.h"
#include "cpu/conv_at_places_simd.h"
#include "cpu/multiscale_roi_align_simd.h"
#include "image/resize_simd.h"

#include <cstdint>

namespace refinemask
{

//! The widest registers in floats: rows of features are read this many at a time.
constexpr int kWidestLanes = 16;

//! The loops for one instruction set. Halves are passed as their bits.
struct SimdFunctions
{
    //! Pool one channel's map into S x S. `rows` holds S x rowStride floats of scratch. Returns
    //! false if a sum was not finite: a weight of 0 may then have met an infinity.
    bool (*poolFloat)(SeparableView const& roi, float const* map, float* rows, float* output);
    bool (*poolHalf)(
        SeparableView const& roi, std::uint16_t const* map, float* rows, std::uint16_t* output);
    //! Refine one mask: coarse is s x s, fine and output 2s x 2s.
    void (*refineFloat)(
        RefineView const& view, float const* coarse, float const* fine, float* output);
    void (*refineHalf)(RefineView const& view, std::uint16_t const* coarse,
        std::uint16_t const* fine, std::uint16_t* output);
    //! How many places and outputs a block of ConvAtPlaces has, and the places x outputs of one.
    int (*convPlaces)();
    int (*convOutputs)();
    void (*convolveFloat)(ConvBlock<float> const& block, float* output);
    void (*convolveHalf)(ConvBlock<std::uint16_t> const& block, float* output);
    //! Whether a box, 5 floats as ShiftedBox, overlaps one of the blocks' boxes by more than
    //! `iouThreshold`, which is not negative.
    bool (*overlapsAny)(
        BoxBlock const* blocks, std::int64_t count, float const* box, float iouThreshold);
    //! Resize a row of an image in its width only: samples with kResizeRowBits behind the point.
    void (*interpolateRow)(
        ResizeColumns const& columns, std::uint8_t const* source, std::int16_t* target);
    //! Make a target row from two interpolated ones.
    void (*blendRows)(ResizeRows const& rows, ResizeColumns const& columns, std::uint8_t* target);
};

//! The loops of the best instruction set that this CPU has.
SimdFunctions const& simdFunctions();

namespace baseline
{
SimdFunctions const& functions();
}

#ifdef REFINEMASK_X86
namespace avx2
{
SimdFunctions const& functions();
}

namespace avx512
{
SimdFunctions const& functions();
}
#endif

} // namespace refinemask
