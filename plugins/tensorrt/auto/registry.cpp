#include "tensorrt/auto/registry.h"

#include "operators/errors.h"

namespace refinemask
{

//! Not without a name: a compiler knows all classes that derive from one there, which is none.
namespace layouts
{

// The virtual functions up to registerCreator, in order: headers of one release describe the
// registry of that release alone. Those that are not called have no arguments here.

class RegistryOf10
{
public:
    virtual void registerCreatorV1() = 0;
    virtual void getPluginCreatorList() = 0;
    virtual void getPluginCreator() = 0;
    virtual ~RegistryOf10() = default;
    virtual void setErrorRecorder() = 0;
    virtual void getErrorRecorder() = 0;
    virtual void deregisterCreatorV1() = 0;
    virtual void isParentSearchEnabled() = 0;
    virtual void setParentSearchEnabled() = 0;
    virtual void loadLibrary() = 0;
    virtual void deregisterLibrary() = 0;
    virtual bool registerCreator(
        nvinfer1::IPluginCreatorInterface& creator, char const* nameSpace) noexcept = 0;
};

//! TensorRT 11 and TensorRT-RTX have lost the functions for plugins of the first interface.
class RegistryOf11
{
public:
    virtual ~RegistryOf11() = default;
    virtual void setErrorRecorder() = 0;
    virtual void getErrorRecorder() = 0;
    virtual void isParentSearchEnabled() = 0;
    virtual void setParentSearchEnabled() = 0;
    virtual void loadLibrary() = 0;
    virtual void deregisterLibrary() = 0;
    virtual bool registerCreator(
        nvinfer1::IPluginCreatorInterface& creator, char const* nameSpace) noexcept = 0;
};

} // namespace layouts

PluginRegistry::PluginRegistry(std::int32_t version, void* registry)
    : mRegistry(registry)
{
    constexpr int kRtx = 1;
    int const major = version / 10000;
    if (registry == nullptr || (major != kRtx && major != 10 && major != 11))
    {
        throw std::runtime_error(
            concatenate("librefinemask_trt_auto.so was made for TensorRT 10 and "
                        "11 and TensorRT-RTX 1, and this is version ",
                version));
    }
    mHasDeprecated = major == 10;
}

bool PluginRegistry::add(nvinfer1::IPluginCreatorInterface& creator, char const* nameSpace) const
{
    return mHasDeprecated
        ? static_cast<layouts::RegistryOf10*>(mRegistry)->registerCreator(creator, nameSpace)
        : static_cast<layouts::RegistryOf11*>(mRegistry)->registerCreator(creator, nameSpace);
}

} // namespace refinemask
