// PasteMasks as PyTorch calls it, and its inputs once they are checked.
#pragma once

#include "operators/paste_masks.h"

#include "torch/operator.h"

namespace refinemask
{

struct PasteMasksInputs
{
    Tensor masks; //!< contiguous, as the boxes
    Tensor boxes;
    Shape pasted; //!< shape of the output
};

//! Throw std::invalid_argument unless attributes, types and shapes are those of the operator.
PasteMasksInputs pasteMasksInputs(Tensor const& masks, Tensor const& boxes, Shape const& size,
    float threshold, std::initializer_list<ScalarType> types);

} // namespace refinemask
