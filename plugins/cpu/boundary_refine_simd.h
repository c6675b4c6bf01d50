// Where the loops of BoundaryRefine are; boundary_refine_simd.cpp has them.
#pragma once

#include "cpu/simd.h"

namespace refinemask::REFINEMASK_ISA
{

void refineFloat(RefineView const& view, float const* coarse, float const* fine, float* output);
void refineHalf(RefineView const& view, std::uint16_t const* coarse, std::uint16_t const* fine,
    std::uint16_t* output);

} // namespace refinemask::REFINEMASK_ISA
