#include "torch/batched_nms.h"

#include "cuda/batched_nms.h"
#include "torch/cuda/operator.h"

namespace refinemask
{

namespace
{

Tensor onCuda(Tensor boxes, Tensor scores, double iouThreshold, double scoreThreshold,
    std::int64_t maxPerImage, std::int64_t maxShifted, std::int64_t firstShift)
{
    constexpr char const* kName = BatchedNMSAttributes::kOperatorName;
    DeviceOf const device(boxes);
    NmsInputs const inputs = nmsInputs(boxes, scores,
        {static_cast<float>(iouThreshold), static_cast<float>(scoreThreshold), maxPerImage,
            maxShifted, firstShift});
    NmsWorkspace const places(inputs.batch, inputs.count, inputs.groups, inputs.params);
    Tensor const workspace
        = allocate(boxes, {static_cast<std::int64_t>(places.size())}, ScalarType::Byte);
    std::int64_t const most = inputs.batch * nmsLimit(inputs.count, inputs.groups, inputs.params);
    Tensor selected = allocate(boxes, {most, 3}, ScalarType::Long);
    Tensor const numSelected = allocate(boxes, {1}, ScalarType::Int);
    NmsLaunch const launch{static_cast<float const*>(inputs.boxes.data_ptr()),
        static_cast<float const*>(inputs.scores.data_ptr()), inputs.boxesPerGroup, inputs.batch,
        inputs.count, inputs.groups, inputs.params, workspace.data_ptr(),
        static_cast<std::int64_t*>(selected.data_ptr()),
        static_cast<std::int32_t*>(numSelected.data_ptr())};
    cudaStream_t const stream = currentStream(boxes);
    requireSuccess(kName, launchBatchedNms(launch, stream));
    std::int32_t count = 0;
    requireSuccess(kName,
        cudaMemcpyAsync(&count, launch.numSelected, sizeof(count), cudaMemcpyDeviceToHost, stream));
    requireSuccess(kName, cudaStreamSynchronize(stream));
    return torch::stable::narrow(selected, 0, 0, count);
}

} // namespace

void addCudaBatchedNMS(TorchLibrary& cuda)
{
    cuda.impl("batched_nms", TORCH_BOX(&onCuda));
}

} // namespace refinemask
