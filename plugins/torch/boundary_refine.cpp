#include "torch/boundary_refine.h"

#include "cpu/boundary_refine.h"

namespace refinemask
{

namespace
{

Tensor onCpu(Tensor coarseLogits, Tensor fineLogits, std::int64_t boundaryWidth)
{
    BoundaryRefineInputs const inputs = boundaryRefineInputs(
        coarseLogits, fineLogits, boundaryWidth, {ScalarType::Float, ScalarType::Half});
    Tensor const refined = allocate(inputs.fine, shapeOf(inputs.fine), inputs.fine.scalar_type());
    withElements(inputs.fine,
        [&](auto element)
        {
            using T = decltype(element);
            boundaryRefine(static_cast<T const*>(inputs.coarse.data_ptr()),
                static_cast<T const*>(inputs.fine.data_ptr()), inputs.coarse.size(0),
                static_cast<int>(inputs.coarse.size(2)), static_cast<int>(boundaryWidth),
                static_cast<T*>(refined.data_ptr()), inThreads);
        });
    return refined;
}

} // namespace

BoundaryRefineInputs boundaryRefineInputs(Tensor const& coarse, Tensor const& fine,
    std::int64_t boundaryWidth, std::initializer_list<ScalarType> types)
{
    constexpr char const* kName = BoundaryRefineAttributes::kOperatorName;
    checked(BoundaryRefineAttributes{boundaryWidth});
    requireType(kName, "coarse_logits", coarse, types);
    requireType(kName, "fine_logits", fine, {coarse.scalar_type()});
    requireSameDevice(kName, "fine_logits", fine, coarse);
    BoundaryRefineAttributes::checkShapes(shapeOf(coarse), shapeOf(fine));
    return {torch::stable::contiguous(coarse), torch::stable::contiguous(fine)};
}

void addBoundaryRefine(TorchLibrary& schemas, TorchLibrary& cpu)
{
    schemas.def("boundary_refine(Tensor coarse_logits, Tensor fine_logits, int boundary_width) "
                "-> Tensor");
    cpu.impl("boundary_refine", TORCH_BOX(&onCpu));
}

} // namespace refinemask
