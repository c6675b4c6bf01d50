#include "torch/batched_nms.h"

#include "cpu/batched_nms.h"

#include <algorithm>

namespace refinemask
{

namespace
{

Tensor onCpu(Tensor boxes, Tensor scores, double iouThreshold, double scoreThreshold,
    std::int64_t maxPerImage, std::int64_t maxShifted, std::int64_t firstShift)
{
    NmsInputs const inputs = nmsInputs(boxes, scores,
        {static_cast<float>(iouThreshold), static_cast<float>(scoreThreshold), maxPerImage,
            maxShifted, firstShift});
    auto const selected = batchedNms(static_cast<float const*>(inputs.boxes.data_ptr()),
        inputs.boxesPerGroup, static_cast<float const*>(inputs.scores.data_ptr()), inputs.batch,
        inputs.count, inputs.groups, inputs.params, inThreads);
    auto const count = static_cast<std::int64_t>(selected.size());
    Tensor const rows = allocate(boxes, {count, 3}, ScalarType::Long);
    auto* const values = static_cast<std::int64_t*>(rows.data_ptr());
    for (std::int64_t row = 0; row < count; ++row)
    {
        std::copy(selected[row].begin(), selected[row].end(), values + row * 3);
    }
    return rows;
}

} // namespace

NmsInputs nmsInputs(
    Tensor const& boxes, Tensor const& scores, BatchedNMSAttributes const& attributes)
{
    constexpr char const* kName = BatchedNMSAttributes::kOperatorName;
    requireType(kName, "boxes", boxes, {ScalarType::Float});
    requireType(kName, "scores", scores, {ScalarType::Float});
    requireSameDevice(kName, "scores", scores, boxes);
    Shape const shape = shapeOf(scores);
    checked(attributes).checkShapes(shapeOf(boxes), shape);
    return NmsInputs{attributes.params(), torch::stable::contiguous(boxes),
        torch::stable::contiguous(scores), boxes.dim() == 4, shape[0], shape[1], shape[2]};
}

void addBatchedNMS(TorchLibrary& schemas, TorchLibrary& cpu)
{
    schemas.def("batched_nms(Tensor boxes, Tensor scores, float iou_threshold, "
                "float score_threshold, int max_per_image, int max_shifted, int first_shift) "
                "-> Tensor");
    cpu.impl("batched_nms", TORCH_BOX(&onCpu));
}

} // namespace refinemask
