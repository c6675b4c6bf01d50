// What the operators have in common: reading attributes and inputs, errors, and the runtime's
// threads.
#pragma once

#ifndef ORT_API_MANUAL_INIT
#define ORT_API_MANUAL_INIT
#endif
#include "cpu/parallel.h"
#include "kernels/host_device.h"
#include "operators/attributes.h"

#include <cstdint>
#include <limits>
#include <memory>
#include <onnxruntime_cxx_api.h>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

namespace refinemask
{

//! The oldest ONNX Runtime that runs the library is 1.20, whatever headers it is built with.
constexpr std::uint32_t kOrtApiVersion = 20;
static_assert(
    ORT_API_VERSION >= kOrtApiVersion, "build with the headers of ONNX Runtime 1.20 or newer");

using Shape = std::vector<std::int64_t>;

//! As Python writes a tuple.
std::string toText(Shape const& shape);

//! Throw an error whose message is the operator's name and the parts one after the other.
template <typename... Parts>
[[noreturn]] void fail(char const* operatorName, Parts const&... parts)
{
    std::ostringstream message;
    message << operatorName << ": ";
    (message << ... << parts);
    throw std::invalid_argument(message.str());
}

//! Run `body` at the boundary to the runtime, which no exception may cross.
template <typename Body>
OrtStatusPtr guarded(Body const& body) noexcept
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

//! Reads the attributes of a node. Every function throws an error that names operator, attribute
//! and value.
class AttributeReader
{
public:
    AttributeReader(char const* operatorName, OrtKernelInfo const* info)
        : mOperator(operatorName)
        , mInfo(info)
    {
    }

    void integer(char const* name, std::int64_t& value, IntegerRange range) const;
    //! Leaves `value` as it is where the node has no such attribute.
    void optionalInteger(char const* name, std::int64_t& value, IntegerRange range) const;
    void ascendingIntegers(char const* name, std::vector<std::int64_t>& values, IntegerRange range,
        IntegerRange count) const;
    void number(char const* name, float& value, NumberRange range) const;

    std::size_t inputCount() const
    {
        return mInfo.GetInputCount();
    }

private:
    //! The type that the node's attribute has, or nullptr if it has none of that name.
    char const* typeOf(char const* name) const;
    [[noreturn]] void failType(char const* name, char const* wanted) const;
    void requireInRange(char const* name, std::int64_t value, IntegerRange range) const;

    char const* mOperator;
    Ort::ConstKernelInfo mInfo;
};

//! Read an operator's attributes (operators/attributes.h).
template <typename Attributes>
Attributes readAttributes(AttributeReader const& reader)
{
    Attributes attributes;
    attributes.visit(reader);
    return attributes;
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

//! The session's own threads.
ParallelFor threadPool(Ort::KernelContext const& context);

template <typename T>
constexpr ONNXTensorElementDataType kElementType = ONNX_TENSOR_ELEMENT_DATA_TYPE_UNDEFINED;
template <>
inline constexpr ONNXTensorElementDataType kElementType<float>
    = ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT;
template <>
inline constexpr ONNXTensorElementDataType kElementType<Half>
    = ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT16;

//! Shape inference of a node: what is known of it when a session is made.
class ShapeInference
{
public:
    explicit ShapeInference(OrtShapeInferContext* context);

    //! A length and the name that the graph gives it, or ""; the length is -1 if only the name, or
    //! not even that, is known.
    struct Dimension
    {
        std::int64_t length;
        std::string name;
    };

    static Dimension unknown()
    {
        return Dimension{-1, ""};
    }

    static Dimension fixed(std::int64_t length)
    {
        return Dimension{length, ""};
    }

    struct Tensor
    {
        ONNXTensorElementDataType type;
        std::vector<Dimension> dimensions; //!< empty also if the rank is not known
    };

    std::vector<Tensor> const& inputs() const
    {
        return mInputs;
    }

    //! An input's dimension, unknown if its rank is not `rank`: it is for the kernels to refuse
    //! that, since the runtime ignores what shape inference finds wrong.
    Dimension dimension(std::size_t input, std::size_t rank, std::size_t axis) const
    {
        auto const& dimensions = mInputs.at(input).dimensions;
        return dimensions.size() == rank ? dimensions[axis] : unknown();
    }

    //! The value of an integer attribute, or -1 if there is none.
    std::int64_t integer(char const* name) const;

    void setOutput(std::size_t index, ONNXTensorElementDataType type,
        std::vector<Dimension> const& dimensions) const;

private:
    OrtShapeInferContext* mContext;
    std::vector<Tensor> mInputs;
};

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
            return guarded(
                [&]
                {
                    Operator::infer(ShapeInference(context));
                });
        };
    }

    OrtStatusPtr CreateKernelV2(
        OrtApi const& /*api*/, OrtKernelInfo const* info, void** kernel) const
    {
        return guarded(
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
        return guarded(
            [&]
            {
                static_cast<Kernel const*>(this)->compute(Ort::KernelContext(context));
            });
    }
};

// Each in the file of its name.
void addMultiScaleRoIAlign(Ort::CustomOpDomain& domain);
void addBatchedNMS(Ort::CustomOpDomain& domain);
void addBoundaryRefine(Ort::CustomOpDomain& domain);
void addPasteMasks(Ort::CustomOpDomain& domain);

} // namespace refinemask
