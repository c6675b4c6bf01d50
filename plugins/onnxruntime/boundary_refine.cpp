#include "cpu/boundary_refine.h"
#include "onnxruntime/operator.h"

namespace refinemask
{

namespace
{

constexpr char const* kOperator = BoundaryRefineAttributes::kOperatorName;
constexpr std::int64_t kMaxCoarseSize = 4096;

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
        Shape const& shape = coarse.shape;
        if (shape.size() != 4 || shape[1] != 1 || shape[2] != shape[3] || shape[2] < 1
            || shape[2] > kMaxCoarseSize)
        {
            fail(kOperator, "coarse_logits must have the shape (K, 1, s, s), s from 1 to ",
                kMaxCoarseSize, ", got ", toText(shape));
        }
        Shape const doubled{shape[0], 1, 2 * shape[2], 2 * shape[3]};
        if (fine.shape != doubled)
        {
            fail(kOperator, "fine_logits must have the shape ", toText(doubled),
                ", twice the size of coarse_logits ", toText(shape), ", got ", toText(fine.shape));
        }
        boundaryRefine(coarse.data, fine.data, shape[0], static_cast<int>(shape[2]), mWidth,
            output<T>(context, 0, fine.shape), threadPool(context));
    }

private:
    int mWidth;
};

template <typename T>
class BoundaryRefineOperator
    : public OperatorBase<BoundaryRefineOperator<T>, BoundaryRefineKernel<T>>
{
public:
    static constexpr char const* kName = kOperator;
    static constexpr ONNXTensorElementDataType kInputs[] = {kElementType<T>, kElementType<T>};
    static constexpr ONNXTensorElementDataType kOutputs[] = {kElementType<T>};

    static void infer(ShapeInference const& graph)
    {
        graph.setOutput(0, graph.inputs().at(1).type,
            {graph.dimension(1, 4, 0), ShapeInference::fixed(1), graph.dimension(1, 4, 2),
                graph.dimension(1, 4, 3)});
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
