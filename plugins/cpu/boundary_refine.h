// BoundaryRefine on the CPU (kernels/boundary_refine.h says what it computes).
#pragma once

#include "cpu/parallel.h"
#include "kernels/boundary_refine.h"

namespace refinemask
{

//! Take the fine stage near the boundary of the coarse one, elsewhere the coarse stage.
//!
//! coarse: count x coarseSize^2 logits; fine and output: count x (2 * coarseSize)^2; width from 0
//! to kLargestBoundaryWidth. T is float or Half. Bit for bit what the kernel gives.
template <typename T>
void boundaryRefine(T const* coarse, T const* fine, std::int64_t count, int coarseSize, int width,
    T* output, ParallelFor const& parallelFor);

} // namespace refinemask
