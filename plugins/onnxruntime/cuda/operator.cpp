#include "onnxruntime/cuda/operator.h"

namespace refinemask
{

void addOperators(Ort::CustomOpDomain& domain)
{
    addMultiScaleRoIAlign(domain);
    addBatchedNMS(domain);
    addBoundaryRefine(domain);
    addPasteMasks(domain);
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
