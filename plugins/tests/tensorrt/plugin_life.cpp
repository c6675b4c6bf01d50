#include "tests/tensorrt/plugin_life.h"

#include "tests/tensorrt/expr_builder.h"

namespace refinemask::test
{

namespace
{

template <typename Capability>
Capability& capability(PluginPointer const& plugin, nvinfer1::PluginCapabilityType type)
{
    return *static_cast<Capability*>(plugin->getCapabilityInterface(type));
}

} // namespace

nvinfer1::IPluginCreatorV3One* findCreator(std::string const& name)
{
    std::int32_t count = 0;
    nvinfer1::IPluginCreatorInterface* const* const creators = getCreators(count);
    for (std::int32_t i = 0; i < count; ++i)
    {
        auto* const creator = dynamic_cast<nvinfer1::IPluginCreatorV3One*>(creators[i]);
        if (creator != nullptr && creator->getPluginName() == name)
        {
            return creator;
        }
    }
    return nullptr;
}

PluginPointer create(std::string const& name, Fields const& fields, nvinfer1::TensorRTPhase phase)
{
    nvinfer1::PluginFieldCollection const collection = fields.collection();
    return PluginPointer(findCreator(name)->createPlugin("node", &collection, phase));
}

nvinfer1::IPluginV3OneCore& coreOf(PluginPointer const& plugin)
{
    return capability<nvinfer1::IPluginV3OneCore>(plugin, nvinfer1::PluginCapabilityType::kCORE);
}

nvinfer1::IPluginV3OneBuild& buildOf(PluginPointer const& plugin)
{
    return capability<nvinfer1::IPluginV3OneBuild>(plugin, nvinfer1::PluginCapabilityType::kBUILD);
}

nvinfer1::IPluginV3OneRuntime& runtimeOf(PluginPointer const& plugin)
{
    return capability<nvinfer1::IPluginV3OneRuntime>(
        plugin, nvinfer1::PluginCapabilityType::kRUNTIME);
}

nvinfer1::Dims makeDims(std::vector<std::int64_t> const& sizes)
{
    nvinfer1::Dims dims{};
    dims.nbDims = static_cast<std::int32_t>(sizes.size());
    std::copy(sizes.begin(), sizes.end(), dims.d);
    return dims;
}

nvinfer1::PluginTensorDesc makeDesc(
    std::vector<std::int64_t> const& sizes, DataType type, nvinfer1::TensorFormat format)
{
    return {makeDims(sizes), type, format, 1.F};
}

nvinfer1::DynamicPluginTensorDesc makeDynamicDesc(
    std::vector<std::int64_t> const& sizes, DataType type, nvinfer1::TensorFormat format)
{
    std::vector<std::int64_t> const unknown(sizes.size(), -1);
    nvinfer1::Dims const dims = makeDims(sizes);
    return {makeDesc(unknown, type, format), makeDims(std::vector<std::int64_t>(sizes.size())),
        dims, dims};
}

bool acceptsFormats(PluginPointer const& plugin,
    std::vector<nvinfer1::DynamicPluginTensorDesc> const& tensors, std::int32_t numInputs)
{
    auto const count = static_cast<std::int32_t>(tensors.size());
    for (std::int32_t position = 0; position < count; ++position)
    {
        if (!buildOf(plugin).supportsFormatCombination(
                position, tensors.data(), numInputs, count - numInputs))
        {
            return false;
        }
    }
    return true;
}

OutputShapes outputShapesOf(PluginPointer const& plugin,
    std::vector<std::vector<std::int64_t>> const& inputs,
    std::vector<std::vector<std::int64_t>> const& shapeInputs, bool known)
{
    ExprBuilder builder(known);
    std::vector<nvinfer1::DimsExprs> given;
    std::vector<nvinfer1::DimsExprs> givenShapes;
    for (auto const& sizes : inputs)
    {
        given.push_back(builder.dims(sizes));
    }
    for (auto const& values : shapeInputs)
    {
        givenShapes.push_back(builder.dims(values));
    }
    std::vector<nvinfer1::DimsExprs> outputs(
        static_cast<std::size_t>(buildOf(plugin).getNbOutputs()));
    OutputShapes found{};
    found.status
        = buildOf(plugin).getOutputShapes(given.data(), static_cast<std::int32_t>(given.size()),
            givenShapes.data(), static_cast<std::int32_t>(givenShapes.size()), outputs.data(),
            static_cast<std::int32_t>(outputs.size()), builder);
    for (nvinfer1::DimsExprs const& output : outputs)
    {
        std::vector<std::int64_t> sizes;
        for (std::int32_t i = 0; found.status == 0 && i < output.nbDims; ++i)
        {
            sizes.push_back(valueOf(*output.d[i]));
        }
        found.sizes.push_back(sizes);
    }
    found.upperBounds = builder.upperBounds();
    found.sizeOutputs = builder.sizeOutputs();
    return found;
}

PluginPointer reload(PluginPointer const& plugin)
{
    // A copy of the fields outlives the plugin they come from, as the bytes of an engine do.
    nvinfer1::PluginFieldCollection const* const fields = runtimeOf(plugin).getFieldsToSerialize();
    Fields copied;
    for (std::int32_t i = 0; i < fields->nbFields; ++i)
    {
        nvinfer1::PluginField const& field = fields->fields[i];
        if (field.type == PluginFieldType::kFLOAT32)
        {
            copied.number(field.name, *static_cast<float const*>(field.data));
        }
        else
        {
            auto const* const values = static_cast<std::int64_t const*>(field.data);
            copied.integers(field.name, {values, values + field.length});
        }
    }
    PluginPointer const loaded
        = create(coreOf(plugin).getPluginName(), copied, nvinfer1::TensorRTPhase::kRUNTIME);
    return loaded ? PluginPointer(runtimeOf(loaded).attachToContext(nullptr)) : nullptr;
}

std::int32_t run(PluginPointer const& plugin, std::vector<nvinfer1::PluginTensorDesc> const& inputs,
    std::vector<nvinfer1::PluginTensorDesc> const& outputs,
    std::vector<void const*> const& inputData, std::vector<void*> const& outputData)
{
    PluginPointer const cloned(plugin->clone());
    std::vector<nvinfer1::DynamicPluginTensorDesc> dynamicInputs;
    std::vector<nvinfer1::DynamicPluginTensorDesc> dynamicOutputs;
    for (nvinfer1::PluginTensorDesc const& desc : inputs)
    {
        dynamicInputs.push_back({desc, desc.dims, desc.dims, desc.dims});
    }
    for (nvinfer1::PluginTensorDesc const& desc : outputs)
    {
        dynamicOutputs.push_back({desc, desc.dims, desc.dims, desc.dims});
    }
    auto const numInputs = static_cast<std::int32_t>(inputs.size());
    auto const numOutputs = static_cast<std::int32_t>(outputs.size());
    std::int32_t const configured = buildOf(cloned).configurePlugin(
        dynamicInputs.data(), numInputs, dynamicOutputs.data(), numOutputs);
    if (configured != 0)
    {
        return configured;
    }
    // Exactly as large as asked for, so that a sanitizer sees a byte too many.
    std::vector<std::uint64_t> workspace((buildOf(cloned).getWorkspaceSize(dynamicInputs.data(),
                                              numInputs, dynamicOutputs.data(), numOutputs)
                                             + 7)
        / 8);
    PluginPointer const attached = reload(cloned);
    if (attached == nullptr)
    {
        return -1;
    }
    std::int32_t const changed
        = runtimeOf(attached).onShapeChange(inputs.data(), numInputs, outputs.data(), numOutputs);
    if (changed != 0)
    {
        return changed;
    }
    return runtimeOf(attached).enqueue(inputs.data(), outputs.data(), inputData.data(),
        outputData.data(), workspace.data(), nullptr);
}

} // namespace refinemask::test
