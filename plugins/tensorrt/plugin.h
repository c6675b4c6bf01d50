// What the four plugins have in common: TensorRT's interfaces, for classes that may throw.
//
// A plugin has no state but its attributes: everything else follows from the tensors of a call. So
// clones are made from attributes, attaching to a context is cloning, and calls from several
// threads do not meet.
#pragma once

#include "cuda/launch.h"
#include "tensorrt/fields.h"
#include "tensorrt/logging.h"
#include "tensorrt/text.h"

#include <NvInferRuntime.h>
#include <memory>
#include <vector>

namespace refinemask
{

constexpr char const* kPluginVersion = "1";
constexpr char const* kPluginNamespace = "refinemask";

//! Throw std::invalid_argument with the operator's name and the parts of a message unless
//! `allowed`.
template <typename... Parts>
void require(bool allowed, char const* operatorName, Parts const&... parts)
{
    if (!allowed)
    {
        throw std::invalid_argument(concatenate(operatorName, ": ", parts...));
    }
}

//! The plugin fields of an operator's fields.
std::vector<nvinfer1::PluginField> toPluginFields(std::vector<Field> const& fields);

//! And back. \throw FieldError there are no fields where there should be some
std::vector<Field> fromPluginFields(
    char const* operatorName, nvinfer1::PluginFieldCollection const* collection);

//! Whether a type is one of those that features, logits and masks may have.
bool isElementType(nvinfer1::DataType type);

ElementType toElementType(nvinfer1::DataType type);

//! Name of a type for messages.
char const* typeName(nvinfer1::DataType type);

//! Such as "(1, 256, 200, 336)".
std::string toText(nvinfer1::Dims const& dims);

//! Likewise, with "?" for what is not known yet.
std::string toText(nvinfer1::DimsExprs const& dims);

//! \throw std::invalid_argument unless features, logits or masks, called `name`, have such a type
void requireElementType(char const* operatorName, char const* name, nvinfer1::DataType type);

//! \throw std::invalid_argument unless coordinates or scores, called `name`, are float32
void requireFloat32(char const* operatorName, char const* name, nvinfer1::DataType type);

//! Whether a dimension has a value, or may yet get it.
bool mayBe(nvinfer1::IDimensionExpr const& dimension, std::int64_t value);

//! Whether two dimensions are equal, or may yet be.
bool mayBeEqual(nvinfer1::IDimensionExpr const& a, nvinfer1::IDimensionExpr const& b);

//! The largest shape that a tensor may have while an engine runs.
inline nvinfer1::Dims const& largestShape(nvinfer1::DynamicPluginTensorDesc const& tensor)
{
    return tensor.max;
}

template <typename Derived, typename AttributesOfDerived>
class Plugin : public nvinfer1::IPluginV3,
               public nvinfer1::IPluginV3OneCore,
               public nvinfer1::IPluginV3OneBuild,
               public nvinfer1::IPluginV3OneRuntime
{
public:
    using Attributes = AttributesOfDerived;
    using DataType = nvinfer1::DataType;
    using Dims = nvinfer1::Dims;
    using DimsExprs = nvinfer1::DimsExprs;
    using TensorDesc = nvinfer1::PluginTensorDesc;
    using DynamicTensorDesc = nvinfer1::DynamicPluginTensorDesc;

    static constexpr char const* kName = Attributes::kOperatorName;

    explicit Plugin(Attributes attributes)
        : mAttributes(std::move(attributes))
    {
        mAttributes.visit(mWriter);
        mFields = toPluginFields(mWriter.fields());
        mCollection.nbFields = static_cast<std::int32_t>(mFields.size());
        mCollection.fields = mFields.data();
    }

    Plugin(Plugin const&) = delete; // mFields points into mWriter; clone() instead
    Plugin& operator=(Plugin const&) = delete;

    // --- IPluginV3
    nvinfer1::IPluginCapability* getCapabilityInterface(
        nvinfer1::PluginCapabilityType type) noexcept final
    {
        switch (type)
        {
        case nvinfer1::PluginCapabilityType::kCORE:
            return static_cast<nvinfer1::IPluginV3OneCore*>(this);
        case nvinfer1::PluginCapabilityType::kBUILD:
            return static_cast<nvinfer1::IPluginV3OneBuild*>(this);
        case nvinfer1::PluginCapabilityType::kRUNTIME:
            return static_cast<nvinfer1::IPluginV3OneRuntime*>(this);
        }
        return nullptr;
    }

    nvinfer1::IPluginV3* clone() noexcept final
    {
        return guarded<nvinfer1::IPluginV3*>(kName, nullptr,
            [this]
            {
                return std::make_unique<Derived>(mAttributes).release();
            });
    }

    // --- IPluginV3OneCore
    char const* getPluginName() const noexcept final
    {
        return kName;
    }

    char const* getPluginVersion() const noexcept final
    {
        return kPluginVersion;
    }

    char const* getPluginNamespace() const noexcept final
    {
        return kPluginNamespace;
    }

    // --- IPluginV3OneBuild
    std::int32_t getNbOutputs() const noexcept final
    {
        return Derived::kNumOutputs;
    }

    std::int32_t configurePlugin(DynamicTensorDesc const* /*inputs*/, std::int32_t /*numInputs*/,
        DynamicTensorDesc const* /*outputs*/, std::int32_t /*numOutputs*/) noexcept final
    {
        return kDone;
    }

    bool supportsFormatCombination(std::int32_t position, DynamicTensorDesc const* tensors,
        std::int32_t numInputs, std::int32_t numOutputs) noexcept final
    {
        return position >= 0 && position < numInputs + numOutputs
            && guarded(
                kName, false,
                [&]
                {
                    return supportsType(position, tensors, numInputs, numOutputs)
                        && supportsFormat(position, tensors);
                });
    }

    std::int32_t getOutputDataTypes(DataType* outputs, std::int32_t numOutputs,
        DataType const* inputs, std::int32_t numInputs) const noexcept final
    {
        return attempt(
            [&]
            {
                requireOutputs(numOutputs);
                outputTypes(inputs, numInputs, outputs);
            });
    }

    std::int32_t getOutputShapes(DimsExprs const* inputs, std::int32_t numInputs,
        DimsExprs const* shapeInputs, std::int32_t numShapeInputs, DimsExprs* outputs,
        std::int32_t numOutputs, nvinfer1::IExprBuilder& builder) noexcept final
    {
        return attempt(
            [&]
            {
                requireOutputs(numOutputs);
                outputShapes(inputs, numInputs, shapeInputs, numShapeInputs, outputs, builder);
            });
    }

    std::size_t getWorkspaceSize(DynamicTensorDesc const* inputs, std::int32_t numInputs,
        DynamicTensorDesc const* /*outputs*/, std::int32_t /*numOutputs*/) const noexcept final
    {
        return guarded<std::size_t>(kName, 0,
            [&]
            {
                return workspaceSize(inputs, numInputs);
            });
    }

    // --- IPluginV3OneRuntime
    std::int32_t onShapeChange(TensorDesc const* inputs, std::int32_t numInputs,
        TensorDesc const* outputs, std::int32_t numOutputs) noexcept final
    {
        return attempt(
            [&]
            {
                requireOutputs(numOutputs);
                checkShapes(inputs, numInputs, outputs);
            });
    }

    std::int32_t enqueue(TensorDesc const* inputDescs, TensorDesc const* outputDescs,
        void const* const* inputs, void* const* outputs, void* workspace,
        cudaStream_t stream) noexcept final
    {
        return attempt(
            [&]
            {
                auto const status
                    = launch(inputDescs, outputDescs, inputs, outputs, workspace, stream);
                require(status == cudaSuccess, kName, "CUDA error ", static_cast<int>(status),
                    " when its kernels were launched");
            });
    }

    nvinfer1::IPluginV3* attachToContext(
        nvinfer1::IPluginResourceContext* /*context*/) noexcept final
    {
        return clone();
    }

    nvinfer1::PluginFieldCollection const* getFieldsToSerialize() noexcept final
    {
        return &mCollection;
    }

protected:
    // What the operators say, each of them with an exception if it cannot.

    //! Whether the tensor at `position` has a type that goes with those before it.
    virtual bool supportsType(std::int32_t position, DynamicTensorDesc const* tensors,
        std::int32_t numInputs, std::int32_t numOutputs) const = 0;
    //! Whether it has a format that goes with its type and with those before it.
    virtual bool supportsFormat(std::int32_t position, DynamicTensorDesc const* tensors) const
    {
        return tensors[position].desc.format == nvinfer1::TensorFormat::kLINEAR;
    }

    virtual void outputTypes(
        DataType const* inputs, std::int32_t numInputs, DataType* outputs) const = 0;
    virtual void outputShapes(DimsExprs const* inputs, std::int32_t numInputs,
        DimsExprs const* shapeInputs, std::int32_t numShapeInputs, DimsExprs* outputs,
        nvinfer1::IExprBuilder& builder) const = 0;

    virtual std::size_t workspaceSize(
        DynamicTensorDesc const* /*inputs*/, std::int32_t /*numInputs*/) const
    {
        return 0;
    }

    //! Everything that launch() relies on.
    virtual void checkShapes(
        TensorDesc const* inputs, std::int32_t numInputs, TensorDesc const* outputs) const = 0;
    virtual cudaError_t launch(TensorDesc const* inputDescs, TensorDesc const* outputDescs,
        void const* const* inputs, void* const* outputs, void* workspace, cudaStream_t stream) const
        = 0;

    Attributes const& attributes() const
    {
        return mAttributes;
    }

private:
    static constexpr std::int32_t kDone = 0;
    static constexpr std::int32_t kFailed = -1;

    template <typename Function>
    static std::int32_t attempt(Function const& function) noexcept
    {
        return guarded(kName, kFailed,
            [&]
            {
                function();
                return kDone;
            });
    }

    static void requireOutputs(std::int32_t numOutputs)
    {
        require(numOutputs == Derived::kNumOutputs, kName, "has ", Derived::kNumOutputs,
            " outputs, not ", numOutputs);
    }

    Attributes mAttributes;
    FieldWriter mWriter;
    std::vector<nvinfer1::PluginField> mFields;
    nvinfer1::PluginFieldCollection mCollection{};
};

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
        return guarded<nvinfer1::IPluginV3*>(Attributes::kOperatorName, nullptr,
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
