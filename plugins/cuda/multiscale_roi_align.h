// The launch of the RoIAlign kernel (multiscale_roi_align.cu).
#pragma once

#include "cuda/launch.h"
#include "kernels/multiscale_roi_align.h"

namespace refinemask
{

//! One level of the pyramid, of the launch's type: batch x channels x height x width, contiguous,
//! or channels last.
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
    //! Of maps and output that are channels last, the elements from a cell to the next, which may
    //! be more than the channels; 0 for those that are stored by channel.
    int cellStride;
    RoIAlignParams params;
    void* output; //!< numRois x channels x S x S, or channels last; what pads a cell is made 0
};

//! RoIs whose image index is not one of the batch are pooled to 0.
cudaError_t launchMultiScaleRoIAlign(RoIAlignLaunch const& launch, cudaStream_t stream);

} // namespace refinemask
