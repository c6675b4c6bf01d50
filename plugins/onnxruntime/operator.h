// What the operators have in common: inputs, outputs, errors, and the classes that the runtime
// calls.
#pragma once

#include "kernels/host_device.h"
#include "onnxruntime/api.h"
#include "onnxruntime/attribute_reader.h"
#include "onnxruntime/shape_inference.h"
#include "onnxruntime/thread_pool.h"
#include "operators/shape.h"

#include <memory>
#include <stdexcept>

namespace refinemask
{

//! Run `body` and return its exception as a status of the runtime, which no exception may reach.
template <typename Body>
OrtStatusPtr catchAsStatus(Body const& body) noexcept
{
    try
    {
        body();
        return nullptr;
    }
    catch (std::invalid_argument const& error)
    {
        return Ort::GetApi().CreateStatus(ORT_INVALID_ARGUMENT, error.what());
    }
    catch (std::exception const& error)
    {
        return Ort::GetApi().CreateStatus(ORT_RUNTIME_EXCEPTION, error.what());
    }
    catch (...)
    {
        return Ort::GetApi().CreateStatus(ORT_RUNTIME_EXCEPTION, "unknown exception");
    }
}

//! An input as it came: shape and values in row-major order.
template <typename T>
struct Input
{
    Shape shape;
    T const* data;
};

template <typename T>
Input<T> input(Ort::KernelContext const& context, std::size_t index)
{
    Ort::ConstValue const value = context.GetInput(index);
    return Input<T>{value.GetTensorTypeAndShapeInfo().GetShape(),
        static_cast<T const*>(value.GetTensorRawData())};
}

template <typename T>
T* output(Ort::KernelContext const& context, std::size_t index, Shape const& shape)
{
    Ort::UnownedValue value = context.GetOutput(index, shape);
    return static_cast<T*>(value.GetTensorMutableRawData());
}

template <typename T>
constexpr ONNXTensorElementDataType kElementType = ONNX_TENSOR_ELEMENT_DATA_TYPE_UNDEFINED;
template <>
inline constexpr ONNXTensorElementDataType kElementType<float>
    = ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT;
template <>
inline constexpr ONNXTensorElementDataType kElementType<Half>
    = ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT16;

//! A custom operator of the CPU provider. Operator has kName, kInputs and kOutputs (element types)
//! and infer(ShapeInference const&); Kernel is made from an AttributeReader and has
//! compute(Ort::KernelContext const&) const, which several threads may call.
template <typename Operator, typename Kernel>
class OperatorBase : public Ort::CustomOpBase<Operator, Kernel, true>
{
public:
    OperatorBase()
    {
        this->version = kOrtApiVersion;
        this->InferOutputShapeFn = [](OrtCustomOp const*, OrtShapeInferContext* context)
        {
            return catchAsStatus(
                [&]
                {
                    Operator::infer(ShapeInference(context));
                });
        };
    }

    OrtStatusPtr CreateKernelV2(
        OrtApi const& /*api*/, OrtKernelInfo const* info, void** kernel) const
    {
        return catchAsStatus(
            [&]
            {
                AttributeReader const reader(Operator::kName, info);
                *kernel = std::make_unique<Kernel>(reader).release();
            });
    }

    char const* GetName() const
    {
        return Operator::kName;
    }

    char const* GetExecutionProviderType() const
    {
        return "CPUExecutionProvider";
    }

    std::size_t GetInputTypeCount() const
    {
        return std::size(Operator::kInputs);
    }

    ONNXTensorElementDataType GetInputType(std::size_t index) const
    {
        return Operator::kInputs[index];
    }

    std::size_t GetOutputTypeCount() const
    {
        return std::size(Operator::kOutputs);
    }

    ONNXTensorElementDataType GetOutputType(std::size_t index) const
    {
        return Operator::kOutputs[index];
    }
};

//! The part of a kernel that the runtime calls.
template <typename Kernel>
class KernelBase
{
public:
    OrtStatusPtr ComputeV2(OrtKernelContext* context) const
    {
        return catchAsStatus(
            [&]
            {
                static_cast<Kernel const*>(this)->compute(Ort::KernelContext(context));
            });
    }
};

//! All of a library's.
void addOperators(Ort::CustomOpDomain& domain);

// Each in the file of its name.
void addMultiScaleRoIAlign(Ort::CustomOpDomain& domain);
void addBatchedNMS(Ort::CustomOpDomain& domain);
void addBoundaryRefine(Ort::CustomOpDomain& domain);
void addPasteMasks(Ort::CustomOpDomain& domain);
void addPlaces(Ort::CustomOpDomain& domain);

} // namespace refinemask
