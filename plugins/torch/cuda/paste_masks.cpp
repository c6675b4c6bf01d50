#include "torch/paste_masks.h"

#include "cuda/paste_masks.h"
#include "torch/cuda/operator.h"

namespace refinemask
{

namespace
{

Tensor onCuda(Tensor masks, Tensor boxes, std::vector<std::int64_t> size, double threshold)
{
    DeviceOf const device(masks);
    PasteMasksInputs const inputs
        = pasteMasksInputs(masks, boxes, size, static_cast<float>(threshold), kCudaTypes);
    Tensor const pasted = allocate(inputs.masks, inputs.pasted, ScalarType::Byte);
    PasteMasksLaunch const launch{elementType(inputs.masks), inputs.masks.data_ptr(),
        static_cast<float const*>(inputs.boxes.data_ptr()), inputs.pasted[0],
        static_cast<int>(inputs.masks.size(1)), inputs.pasted[1], inputs.pasted[2],
        static_cast<float>(threshold), static_cast<std::uint8_t*>(pasted.data_ptr())};
    requireSuccess(
        PasteMasksAttributes::kOperatorName, launchPasteMasks(launch, currentStream(masks)));
    return pasted;
}

} // namespace

void addCudaPasteMasks(TorchLibrary& cuda)
{
    cuda.impl("paste_masks", TORCH_BOX(&onCuda));
}

} // namespace refinemask
