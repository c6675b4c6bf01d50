#include "cpu/boundary_refine.h"
#include "onnxruntime/operator.h"
#include "operators/boundary_refine.h"

namespace refinemask
{

namespace
{

template <typename T>
class BoundaryRefineKernel : public KernelBase<BoundaryRefineKernel<T>>
{
public:
    explicit BoundaryRefineKernel(AttributeReader const& reader)
        : mWidth(static_cast<int>(readAttributes<BoundaryRefineAttributes>(reader).boundaryWidth))
    {
    }

    void compute(Ort::KernelContext const& context) const
    {
        auto const coarse = input<T>(context, 0);
        auto const fine = input<T>(context, 1);
        BoundaryRefineAttributes::checkShapes(coarse.shape, fine.shape);
        boundaryRefine(coarse.data, fine.data, coarse.shape[0], static_cast<int>(coarse.shape[2]),
            mWidth, output<T>(context, 0, fine.shape), threadPool(context));
    }

private:
    int mWidth;
};

template <typename T>
class BoundaryRefineOperator
    : public OperatorBase<BoundaryRefineOperator<T>, BoundaryRefineKernel<T>>
{
public:
    static constexpr char const* kName = BoundaryRefineAttributes::kOperatorName;
    static constexpr ONNXTensorElementDataType kInputs[] = {kElementType<T>, kElementType<T>};
    static constexpr ONNXTensorElementDataType kOutputs[] = {kElementType<T>};

    static void infer(ShapeInference const& graph)
    {
        inferBoundaryRefine(graph);
    }
};

} // namespace

void addBoundaryRefine(Ort::CustomOpDomain& domain)
{
    static BoundaryRefineOperator<float> const single;
    static BoundaryRefineOperator<Half> const half;
    domain.Add(&single);
    domain.Add(&half);
}

} // namespace refinemask
