#include "onnxruntime/cuda/operator.h"

#include "operators/errors.h"

namespace refinemask
{

void addOperators(Ort::CustomOpDomain& domain)
{
    addMultiScaleRoIAlign(domain);
    addBatchedNMS(domain);
    addBoundaryRefine(domain);
    addPasteMasks(domain);
}

void requireSuccess(char const* operatorName, cudaError_t status)
{
    if (status != cudaSuccess)
    {
        throw std::runtime_error(
            concatenate(operatorName, ": CUDA error ", cudaGetErrorString(status)));
    }
}

StreamMemory::StreamMemory(char const* operatorName, std::size_t bytes, cudaStream_t stream)
    : mStream(stream)
{
    requireSuccess(operatorName, cudaMallocAsync(&mData, bytes, stream));
}

StreamMemory::~StreamMemory()
{
    cudaFreeAsync(mData, mStream);
}

} // namespace refinemask
