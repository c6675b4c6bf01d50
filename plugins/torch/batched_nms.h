// BatchedNMS as PyTorch calls it, and its inputs once they are checked.
#pragma once

#include "operators/batched_nms.h"

#include "torch/operator.h"

namespace refinemask
{

struct NmsInputs
{
    NmsParams params;
    Tensor boxes; //!< contiguous, as the scores
    Tensor scores;
    bool boxesPerGroup;
    std::int64_t batch;
    std::int64_t count;
    std::int64_t groups;
};

//! Throw std::invalid_argument unless attributes, types and shapes are those of the operator.
NmsInputs nmsInputs(
    Tensor const& boxes, Tensor const& scores, BatchedNMSAttributes const& attributes);

} // namespace refinemask
