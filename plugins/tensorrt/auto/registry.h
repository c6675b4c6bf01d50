// TensorRT's registry of plugins, whose layout depends on the release that is loaded.
#pragma once

#include <NvInferRuntime.h>
#include <cstdint>

namespace refinemask
{

//! The registry of a process, to add creators to.
class PluginRegistry
{
public:
    //! Throw std::runtime_error unless the version, as getInferLibVersion() returns it, is one
    //! whose layout is known: TensorRT 10 and 11, TensorRT-RTX 1.
    PluginRegistry(std::int32_t version, void* registry);

    //! Return false where the registry has a creator of that name, version and namespace.
    bool add(nvinfer1::IPluginCreatorInterface& creator, char const* nameSpace) const;

private:
    void* mRegistry;
    bool mHasDeprecated;
};

} // namespace refinemask
