// BoundaryRefine as PyTorch calls it, and its inputs once they are checked.
#pragma once

#include "operators/boundary_refine.h"

#include "torch/operator.h"

namespace refinemask
{

struct BoundaryRefineInputs
{
    Tensor coarse; //!< contiguous, as the fine logits
    Tensor fine;
};

//! Throw std::invalid_argument unless attributes, types and shapes are those of the operator.
BoundaryRefineInputs boundaryRefineInputs(Tensor const& coarse, Tensor const& fine,
    std::int64_t boundaryWidth, std::initializer_list<ScalarType> types);

} // namespace refinemask
