// What makes a plugin.
#pragma once

#include "tensorrt/plugin.h"

namespace refinemask
{

//! Makes plugins from the attributes of a node, or from what an engine has kept of them.
template <typename PluginOfCreator>
class Creator : public nvinfer1::IPluginCreatorV3One
{
public:
    using Attributes = typename PluginOfCreator::Attributes;

    Creator()
    {
        FieldLister lister;
        Attributes attributes;
        attributes.visit(lister);
        mFields = toPluginFields(lister.fields());
        mCollection.nbFields = static_cast<std::int32_t>(mFields.size());
        mCollection.fields = mFields.data();
    }

    nvinfer1::IPluginV3* createPlugin(char const* /*name*/,
        nvinfer1::PluginFieldCollection const* fields,
        nvinfer1::TensorRTPhase /*phase*/) noexcept final
    {
        return catchAndLog<nvinfer1::IPluginV3*>(Attributes::kOperatorName, nullptr,
            [fields]
            {
                auto attributes = readAttributes<Attributes>(
                    fromPluginFields(Attributes::kOperatorName, fields));
                return std::make_unique<PluginOfCreator>(std::move(attributes)).release();
            });
    }

    nvinfer1::PluginFieldCollection const* getFieldNames() noexcept final
    {
        return &mCollection;
    }

    char const* getPluginName() const noexcept final
    {
        return Attributes::kOperatorName;
    }

    char const* getPluginVersion() const noexcept final
    {
        return kPluginVersion;
    }

    char const* getPluginNamespace() const noexcept final
    {
        return kPluginNamespace;
    }

private:
    std::vector<nvinfer1::PluginField> mFields;
    nvinfer1::PluginFieldCollection mCollection{};
};

} // namespace refinemask
