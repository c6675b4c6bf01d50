// A library that registers the plugins when it is loaded, for hosts that only call dlopen: `trtexec
// --staticPlugins`, Triton, DeepStream, ONNX Runtime's TensorRT provider.
//
// TensorRT is neither linked nor loaded: what the process has loaded is asked for its registry. A
// plugin that is there already, from a second copy or from librefinemask_trt.so, is left as it is.
#include "tensorrt/auto/registry.h"
#include "tensorrt/creators.h"
#include "tensorrt/plugin.h"

#include <dlfcn.h>
#include <link.h>
#include <string>

#define REFINEMASK_EXPORT extern "C" __attribute__((visibility("default")))

REFINEMASK_EXPORT char const* refinemask_trt_auto_version() noexcept
{
    return REFINEMASK_VERSION;
}

namespace refinemask
{

namespace
{

//! Append the path of a loaded library to `*found` if it is TensorRT's or TensorRT-RTX's.
int collectTensorRt(dl_phdr_info* library, std::size_t /*size*/, void* found)
{
    std::string const path = library->dlpi_name;
    std::string const name = path.substr(path.rfind('/') + 1);
    if (name.rfind("libnvinfer.so", 0) == 0 || name.rfind("libtensorrt_rtx.so", 0) == 0)
    {
        static_cast<std::vector<std::string>*>(found)->push_back(path);
    }
    return 0;
}

template <typename Function>
Function* symbol(void* library, char const* name)
{
    void* const found = dlsym(library, name);
    if (found == nullptr)
    {
        throw std::runtime_error(concatenate("this TensorRT has no function ", name));
    }
    return reinterpret_cast<Function*>(found);
}

void registerIn(std::string const& path)
{
    void* const library = dlopen(path.c_str(), RTLD_NOW | RTLD_NOLOAD);
    if (library == nullptr)
    {
        throw std::runtime_error(concatenate("cannot use ", path, ": ", dlerror()));
    }
    int const version = symbol<std::int32_t()>(library, "getInferLibVersion")();
    PluginRegistry const registry(version, symbol<void*()>(library, "getPluginRegistry")());
    for (nvinfer1::IPluginCreatorInterface* const creator : allCreators())
    {
        registry.add(*creator, kPluginNamespace);
    }
}

__attribute__((constructor)) void registerPlugins()
{
    catchAndLog("refinemask", false,
        []
        {
            std::vector<std::string> libraries;
            dl_iterate_phdr(collectTensorRt, &libraries);
            if (libraries.empty())
            {
                throw std::runtime_error("librefinemask_trt_auto.so registers its plugins in the "
                                         "TensorRT that is loaded, "
                                         "and there is none; load it after TensorRT");
            }
            for (std::string const& library : libraries)
            {
                registerIn(library);
            }
            return true;
        });
}

} // namespace

} // namespace refinemask
