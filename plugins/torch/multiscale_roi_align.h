// MultiScaleRoIAlign as PyTorch calls it, and its inputs once they are checked.
#pragma once

#include "operators/multiscale_roi_align.h"

#include "torch/operator.h"

namespace refinemask
{

struct RoIAlignInputs
{
    RoIAlignParams params;
    Tensor rois; //!< contiguous, as the features
    std::vector<Tensor> features;
    Shape pooled; //!< shape of the output
};

//! Throw std::invalid_argument unless attributes, types and shapes are those of the operator.
RoIAlignInputs roiAlignInputs(Tensor const& rois, std::vector<Tensor> const& features,
    RoIAlignAttributes const& attributes, std::initializer_list<ScalarType> types);

} // namespace refinemask
