#include "torch/boundary_refine.h"

#include "cuda/boundary_refine.h"
#include "torch/cuda/operator.h"

namespace refinemask
{

namespace
{

Tensor onCuda(Tensor coarseLogits, Tensor fineLogits, std::int64_t boundaryWidth)
{
    DeviceOf const device(fineLogits);
    BoundaryRefineInputs const inputs
        = boundaryRefineInputs(coarseLogits, fineLogits, boundaryWidth, kCudaTypes);
    Tensor const refined = allocate(inputs.fine, shapeOf(inputs.fine), inputs.fine.scalar_type());
    BoundaryRefineLaunch const launch{elementType(inputs.fine), inputs.coarse.data_ptr(),
        inputs.fine.data_ptr(), inputs.coarse.size(0), static_cast<int>(inputs.coarse.size(2)),
        static_cast<int>(boundaryWidth), refined.data_ptr()};
    requireSuccess(BoundaryRefineAttributes::kOperatorName,
        launchBoundaryRefine(launch, currentStream(fineLogits)));
    return refined;
}

} // namespace

void addCudaBoundaryRefine(TorchLibrary& cuda)
{
    cuda.impl("boundary_refine", TORCH_BOX(&onCuda));
}

} // namespace refinemask
