// What the operators of the CUDA provider have in common.
#pragma once

#include "cuda/success.h"
#include "onnxruntime/operator.h"

namespace refinemask
{

//! A custom operator of the CUDA provider, otherwise as OperatorBase. Its inputs and outputs are on
//! the GPU.
template <typename Operator, typename Kernel>
class CudaOperatorBase : public OperatorBase<Operator, Kernel>
{
public:
    char const* GetExecutionProviderType() const
    {
        return "CUDAExecutionProvider";
    }
};

constexpr ElementType toElementType(ONNXTensorElementDataType type)
{
    return type == ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT16 ? ElementType::kFLOAT16
        : type == ONNX_TENSOR_ELEMENT_DATA_TYPE_BFLOAT16 ? ElementType::kBFLOAT16
                                                         : ElementType::kFLOAT32;
}

inline cudaStream_t streamOf(Ort::KernelContext const& context)
{
    return static_cast<cudaStream_t>(context.GetGPUComputeStream());
}

//! Memory on the GPU that is used by one stream, and returned to CUDA's pool in its order.
class StreamMemory
{
public:
    StreamMemory(char const* operatorName, std::size_t bytes, cudaStream_t stream);
    ~StreamMemory();
    StreamMemory(StreamMemory const&) = delete;
    StreamMemory& operator=(StreamMemory const&) = delete;

    template <typename T>
    T* as() const
    {
        return static_cast<T*>(mData);
    }

private:
    void* mData = nullptr;
    cudaStream_t mStream;
};

} // namespace refinemask
