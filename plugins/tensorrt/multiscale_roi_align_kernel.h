// The launch of the RoIAlign kernel (multiscale_roi_align.cu).
#pragma once

#include "kernels/multiscale_roi_align.h"
#include "tensorrt/launch.h"

namespace refinemask
{

//! One level of the pyramid: batch x channels x height x width, contiguous, of the launch's type.
struct FeatureMap
{
    void const* data;
    int height;
    int width;
};

struct RoIAlignLaunch
{
    ElementType type;
    float const* rois; //!< numRois x 5
    std::int64_t numRois;
    FeatureMap levels[kMaxLevels];
    int batch;
    int channels;
    RoIAlignParams params;
    void* output; //!< numRois x channels x S x S
};

//! RoIs whose image index is not one of the batch are pooled to 0.
cudaError_t launchMultiScaleRoIAlign(RoIAlignLaunch const& launch, cudaStream_t stream);

} // namespace refinemask
