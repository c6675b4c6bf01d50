#include "cpu/paste_masks.h"
#include "onnxruntime/operator.h"
#include "operators/paste_masks.h"

namespace refinemask
{

namespace
{

template <typename T>
class PasteMasksKernel : public KernelBase<PasteMasksKernel<T>>
{
public:
    explicit PasteMasksKernel(AttributeReader const& reader)
        : mThreshold(readAttributes<PasteMasksAttributes>(reader).threshold)
    {
    }

    void compute(Ort::KernelContext const& context) const
    {
        auto const masks = input<T>(context, 0);
        auto const boxes = input<float>(context, 1);
        auto const size = input<std::int64_t>(context, 2);
        PasteMasksAttributes::checkShapes(masks.shape, boxes.shape);
        PasteMasksAttributes::checkSize(size.shape);
        std::int64_t const count = masks.shape[0];
        std::int64_t const height = size.data[0];
        std::int64_t const width = size.data[1];
        PasteMasksAttributes::checkCanvases(count, height, width);
        auto* const canvases = output<std::uint8_t>(context, 0, {count, height, width});
        pasteMasks(masks.data, boxes.data, count, static_cast<int>(masks.shape[1]), height, width,
            mThreshold, canvases, threadPool(context));
    }

private:
    float mThreshold;
};

template <typename T>
class PasteMasksOperator : public OperatorBase<PasteMasksOperator<T>, PasteMasksKernel<T>>
{
public:
    static constexpr char const* kName = PasteMasksAttributes::kOperatorName;
    static constexpr ONNXTensorElementDataType kInputs[]
        = {kElementType<T>, kElementType<float>, ONNX_TENSOR_ELEMENT_DATA_TYPE_INT64};
    static constexpr ONNXTensorElementDataType kOutputs[] = {ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT8};

    static void infer(ShapeInference const& graph)
    {
        inferPasteMasks(graph);
    }
};

} // namespace

void addPasteMasks(Ort::CustomOpDomain& domain)
{
    static PasteMasksOperator<float> const single;
    static PasteMasksOperator<Half> const half;
    domain.Add(&single);
    domain.Add(&half);
}

} // namespace refinemask
