// Base class of the plugins: TensorRT's interfaces, for classes that may throw.
//
// A plugin has no state but its attributes: everything else follows from the tensors of a call. So
// clones are made from attributes, attaching to a context is cloning, and calls from several
// threads do not meet.
#pragma once

#include "operators/errors.h"
#include "tensorrt/conversions.h"
#include "tensorrt/logging.h"

#include <NvInferRuntime.h>
#include <memory>
#include <vector>

namespace refinemask
{

constexpr char const* kPluginVersion = "1";
constexpr char const* kPluginNamespace = "refinemask";

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
        return catchAndLog<nvinfer1::IPluginV3*>(kName, nullptr,
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
            && catchAndLog(
                kName, false,
                [&]
                {
                    return supportsType(position, tensors, numInputs)
                        && supportsFormat(position, tensors);
                });
    }

    std::int32_t getOutputDataTypes(DataType* outputs, std::int32_t numOutputs,
        DataType const* inputs, std::int32_t numInputs) const noexcept final
    {
        return attempt(
            [&]
            {
                checkCounts(numInputs, numOutputs);
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
                checkCounts(numInputs, numOutputs);
                checkInputs(shapesOf(inputs, numInputs));
                checkShapeInputs(shapeInputs, numShapeInputs);
                outputShapes(inputs, shapeInputs, outputs, builder);
            });
    }

    std::size_t getWorkspaceSize(DynamicTensorDesc const* inputs, std::int32_t numInputs,
        DynamicTensorDesc const* /*outputs*/, std::int32_t /*numOutputs*/) const noexcept final
    {
        return catchAndLog<std::size_t>(kName, 0,
            [&]
            {
                checkInputCount(numInputs);
                return workspaceSize(inputs);
            });
    }

    // --- IPluginV3OneRuntime
    std::int32_t onShapeChange(TensorDesc const* inputs, std::int32_t numInputs,
        TensorDesc const* /*outputs*/, std::int32_t numOutputs) noexcept final
    {
        return attempt(
            [&]
            {
                checkCounts(numInputs, numOutputs);
                checkInputs(shapesOf(inputs, numInputs));
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
                if (status != cudaSuccess)
                {
                    fail(kName, "CUDA error ", static_cast<int>(status),
                        " when its kernels were launched");
                }
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
    // What an operator defines, each function with an exception where something does not fit.

    //! Whether the tensor at `position` has a type that goes with those before it.
    virtual bool supportsType(
        std::int32_t position, DynamicTensorDesc const* tensors, std::int32_t numInputs) const = 0;

    //! Whether it has a format that goes with its type and with those before it.
    virtual bool supportsFormat(std::int32_t position, DynamicTensorDesc const* tensors) const
    {
        return tensors[position].desc.format == nvinfer1::TensorFormat::kLINEAR;
    }

    virtual void checkInputCount(std::int32_t numInputs) const = 0;

    //! Check everything that launch() relies on; lengths may be unknown while an engine is built.
    virtual void checkInputs(std::vector<Shape> const& inputs) const = 0;

    virtual void checkShapeInputs(
        DimsExprs const* /*shapeInputs*/, std::int32_t numShapeInputs) const
    {
        if (numShapeInputs != 0)
        {
            fail(kName, "has no shape inputs, but ", numShapeInputs, " are given");
        }
    }

    virtual void outputTypes(
        DataType const* inputs, std::int32_t numInputs, DataType* outputs) const = 0;

    virtual void outputShapes(DimsExprs const* inputs, DimsExprs const* shapeInputs,
        DimsExprs* outputs, nvinfer1::IExprBuilder& builder) const = 0;

    virtual std::size_t workspaceSize(DynamicTensorDesc const* /*inputs*/) const
    {
        return 0;
    }

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
        return catchAndLog(kName, kFailed,
            [&]
            {
                function();
                return kDone;
            });
    }

    void checkCounts(std::int32_t numInputs, std::int32_t numOutputs) const
    {
        checkInputCount(numInputs);
        if (numOutputs != Derived::kNumOutputs)
        {
            fail(kName, "has ", Derived::kNumOutputs, " outputs, not ", numOutputs);
        }
    }

    static Shape shapeOf(TensorDesc const& tensor)
    {
        return toShape(tensor.dims);
    }

    static Shape shapeOf(DimsExprs const& dims)
    {
        return toShape(dims);
    }

    template <typename Tensor>
    static std::vector<Shape> shapesOf(Tensor const* tensors, std::int32_t count)
    {
        std::vector<Shape> shapes;
        for (std::int32_t i = 0; i < count; ++i)
        {
            shapes.push_back(shapeOf(tensors[i]));
        }
        return shapes;
    }

    Attributes mAttributes;
    FieldWriter mWriter;
    std::vector<nvinfer1::PluginField> mFields;
    nvinfer1::PluginFieldCollection mCollection{};
};

} // namespace refinemask
