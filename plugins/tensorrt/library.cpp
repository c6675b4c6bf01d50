// What TensorRT looks for in a plugin library, whose registry calls setLoggerFinder() and
// getCreators() when it loads it; and the version, for the Python package.

#include "tensorrt/batched_nms.h"
#include "tensorrt/boundary_refine.h"
#include "tensorrt/logging.h"
#include "tensorrt/multiscale_roi_align.h"
#include "tensorrt/paste_masks.h"

#define REFINEMASK_EXPORT extern "C" __attribute__((visibility("default")))

REFINEMASK_EXPORT char const* refinemask_trt_version() noexcept
{
    return REFINEMASK_VERSION;
}

REFINEMASK_EXPORT void setLoggerFinder(nvinfer1::ILoggerFinder* finder)
{
    refinemask::setFinderOfLoggers(finder);
}

REFINEMASK_EXPORT nvinfer1::IPluginCreatorInterface* const* getCreators(
    std::int32_t& numCreators) noexcept
{
    using namespace refinemask;
    numCreators = 0;
    return guarded<nvinfer1::IPluginCreatorInterface* const*>("refinemask", nullptr,
        [&numCreators]
        {
            static Creator<MultiScaleRoIAlignPlugin> roiAlign;
            static Creator<BatchedNMSPlugin> nms;
            static Creator<BoundaryRefinePlugin> boundaryRefine;
            static Creator<PasteMasksPlugin> pasteMasks;
            static nvinfer1::IPluginCreatorInterface* const creators[]
                = {&roiAlign, &nms, &boundaryRefine, &pasteMasks};
            numCreators = 4;
            return creators;
        });
}
