#include "torch/paste_masks.h"

#include "cpu/paste_masks.h"

namespace refinemask
{

namespace
{

Tensor onCpu(Tensor masks, Tensor boxes, std::vector<std::int64_t> size, double threshold)
{
    PasteMasksInputs const inputs = pasteMasksInputs(
        masks, boxes, size, static_cast<float>(threshold), {ScalarType::Float, ScalarType::Half});
    Tensor const pasted = allocate(inputs.masks, inputs.pasted, ScalarType::Byte);
    withElements(inputs.masks,
        [&](auto element)
        {
            using T = decltype(element);
            pasteMasks(static_cast<T const*>(inputs.masks.data_ptr()),
                static_cast<float const*>(inputs.boxes.data_ptr()), inputs.pasted[0],
                static_cast<int>(inputs.masks.size(1)), inputs.pasted[1], inputs.pasted[2],
                static_cast<float>(threshold), static_cast<std::uint8_t*>(pasted.data_ptr()),
                inThreads);
        });
    return pasted;
}

} // namespace

PasteMasksInputs pasteMasksInputs(Tensor const& masks, Tensor const& boxes, Shape const& size,
    float threshold, std::initializer_list<ScalarType> types)
{
    constexpr char const* kName = PasteMasksAttributes::kOperatorName;
    checked(PasteMasksAttributes{threshold});
    requireType(kName, "masks", masks, types);
    requireType(kName, "boxes", boxes, {ScalarType::Float});
    requireSameDevice(kName, "boxes", boxes, masks);
    PasteMasksAttributes::checkShapes(shapeOf(masks), shapeOf(boxes));
    PasteMasksAttributes::checkSize({static_cast<std::int64_t>(size.size())});
    std::int64_t const count = masks.size(0);
    PasteMasksAttributes::checkCanvases(count, size[0], size[1]);
    return {torch::stable::contiguous(masks), torch::stable::contiguous(boxes),
        {count, size[0], size[1]}};
}

void addPasteMasks(TorchLibrary& schemas, TorchLibrary& cpu)
{
    schemas.def("paste_masks(Tensor masks, Tensor boxes, int[] size, float threshold) -> Tensor");
    cpu.impl("paste_masks", TORCH_BOX(&onCpu));
}

} // namespace refinemask
