// What the operators on CUDA devices have in common.
#pragma once

#include "cuda/success.h"
#include "torch/operator.h"

namespace refinemask
{

constexpr std::initializer_list<ScalarType> kCudaTypes
    = {ScalarType::Float, ScalarType::Half, ScalarType::BFloat16};

ElementType elementType(Tensor const& tensor);

//! The stream that PyTorch uses on the device of a tensor.
cudaStream_t currentStream(Tensor const& tensor);

//! Makes the device of a tensor the current one, as long as it lives.
class DeviceOf
{
public:
    explicit DeviceOf(Tensor const& tensor);

private:
    torch::stable::accelerator::DeviceGuard mGuard;
};

// Each in the file of its name.
void addCudaMultiScaleRoIAlign(TorchLibrary& cuda);
void addCudaBatchedNMS(TorchLibrary& cuda);
void addCudaBoundaryRefine(TorchLibrary& cuda);
void addCudaPasteMasks(TorchLibrary& cuda);
void addCudaPlaces(TorchLibrary& cuda);

} // namespace refinemask
