#include "cuda/boundary_refine.h"

#include "onnxruntime/cuda/operator.h"
#include "operators/boundary_refine.h"

namespace refinemask
{

namespace
{

template <ONNXTensorElementDataType kType>
class BoundaryRefineKernel : public KernelBase<BoundaryRefineKernel<kType>>
{
public:
    explicit BoundaryRefineKernel(AttributeReader const& reader)
        : mWidth(static_cast<int>(readAttributes<BoundaryRefineAttributes>(reader).boundaryWidth))
    {
    }

    void compute(Ort::KernelContext const& context) const
    {
        auto const coarse = input<void>(context, 0);
        auto const fine = input<void>(context, 1);
        BoundaryRefineAttributes::checkShapes(coarse.shape, fine.shape);
        BoundaryRefineLaunch const launch{toElementType(kType), coarse.data, fine.data,
            coarse.shape[0], static_cast<int>(coarse.shape[2]), mWidth,
            output<void>(context, 0, fine.shape)};
        requireSuccess(BoundaryRefineAttributes::kOperatorName,
            launchBoundaryRefine(launch, streamOf(context)));
    }

private:
    int mWidth;
};

template <ONNXTensorElementDataType kType>
class BoundaryRefineOperator
    : public CudaOperatorBase<BoundaryRefineOperator<kType>, BoundaryRefineKernel<kType>>
{
public:
    static constexpr char const* kName = BoundaryRefineAttributes::kOperatorName;
    static constexpr ONNXTensorElementDataType kInputs[] = {kType, kType};
    static constexpr ONNXTensorElementDataType kOutputs[] = {kType};

    static void infer(ShapeInference const& graph)
    {
        inferBoundaryRefine(graph);
    }
};

} // namespace

void addBoundaryRefine(Ort::CustomOpDomain& domain)
{
    static BoundaryRefineOperator<kElementType<float>> const single;
    static BoundaryRefineOperator<kElementType<Half>> const half;
    static BoundaryRefineOperator<ONNX_TENSOR_ELEMENT_DATA_TYPE_BFLOAT16> const brain;
    domain.Add(&single);
    domain.Add(&half);
    domain.Add(&brain);
}

} // namespace refinemask
