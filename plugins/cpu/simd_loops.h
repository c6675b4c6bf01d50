// The loops of one instruction set, REFINEMASK_ISA: each is defined in the *_simd.cpp of its
// operator. Halves are passed as their bits.
#pragma once

#include "cpu/simd.h"

namespace refinemask::REFINEMASK_ISA
{

bool poolFloat(SeparableView const& roi, float const* map, float* rows, float* output);
bool poolHalf(
    SeparableView const& roi, std::uint16_t const* map, float* rows, std::uint16_t* output);
void refineFloat(RefineView const& view, float const* coarse, float const* fine, float* output);
void refineHalf(RefineView const& view, std::uint16_t const* coarse, std::uint16_t const* fine,
    std::uint16_t* output);
int convPlaces();
int convOutputs();
void convolveFloat(ConvBlock<float> const& block, float* output);
void convolveHalf(ConvBlock<std::uint16_t> const& block, float* output);
bool overlapsAny(BoxBlock const* blocks, std::int64_t count, float const* box, float iouThreshold);
void interpolateRow(ResizeColumns const& columns, std::uint8_t const* source, std::int16_t* target);
void blendRows(ResizeRows const& rows, ResizeColumns const& columns, std::uint8_t* target);

} // namespace refinemask::REFINEMASK_ISA
