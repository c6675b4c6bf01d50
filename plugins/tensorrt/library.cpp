// What TensorRT looks for in a plugin library, whose registry calls setLoggerFinder() and
// getCreators() when it loads it; and the version, for the Python package.
#include "tensorrt/creators.h"
#include "tensorrt/logging.h"

#include <NvInferRuntime.h>

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
    return catchAndLog<nvinfer1::IPluginCreatorInterface* const*>("refinemask", nullptr,
        [&numCreators]
        {
            auto const& creators = allCreators();
            numCreators = static_cast<std::int32_t>(creators.size());
            return creators.data();
        });
}
