#include "cpu/batched_nms.h"
#include "onnxruntime/operator.h"

#include <algorithm>

namespace refinemask
{

namespace
{

constexpr char const* kOperator = BatchedNMSAttributes::kOperatorName;
class BatchedNMSKernel : public KernelBase<BatchedNMSKernel>
{
public:
    explicit BatchedNMSKernel(AttributeReader const& reader)
        : mParams(readAttributes<BatchedNMSAttributes>(reader).params())
    {
    }

    void compute(Ort::KernelContext const& context) const
    {
        auto const boxes = input<float>(context, 0);
        auto const scores = input<float>(context, 1);
        check(boxes.shape, scores.shape);
        auto const selected = batchedNms(boxes.data, boxes.shape.size() == 4, scores.data,
            scores.shape[0], scores.shape[1], scores.shape[2], mParams, threadPool(context));
        auto const count = static_cast<std::int64_t>(selected.size());
        auto* const rows = output<std::int64_t>(context, 0, {count, 3});
        for (std::int64_t row = 0; row < count; ++row)
        {
            std::copy(selected[row].begin(), selected[row].end(), rows + row * 3);
        }
        *output<std::int64_t>(context, 1, {}) = count;
    }

private:
    static void check(Shape const& boxes, Shape const& scores)
    {
        if (scores.size() != 3)
        {
            fail(kOperator, "scores must have the shape (B, K, G), got ", toText(scores));
        }
        Shape const shared{scores[0], scores[1], 4};
        Shape const perGroup{scores[0], scores[1], scores[2], 4};
        if (boxes != shared && boxes != perGroup)
        {
            fail(kOperator, "boxes must have the shape ", toText(shared), " or ", toText(perGroup),
                " to go with scores ", toText(scores), ", got ", toText(boxes));
        }
        if (scores[2] > 0 && scores[1] > kLargestInt / scores[2])
        {
            fail(kOperator, "an image may have at most ", kLargestInt, " scores, got ", scores[1],
                " x ", scores[2]);
        }
    }

    NmsParams mParams;
};

class BatchedNMSOperator : public OperatorBase<BatchedNMSOperator, BatchedNMSKernel>
{
public:
    static constexpr char const* kName = kOperator;
    static constexpr ONNXTensorElementDataType kInputs[]
        = {kElementType<float>, kElementType<float>};
    static constexpr ONNXTensorElementDataType kOutputs[]
        = {ONNX_TENSOR_ELEMENT_DATA_TYPE_INT64, ONNX_TENSOR_ELEMENT_DATA_TYPE_INT64};

    static void infer(ShapeInference const& graph)
    {
        graph.setOutput(0, kOutputs[0], {ShapeInference::unknown(), ShapeInference::fixed(3)});
        graph.setOutput(1, kOutputs[1], {});
    }
};

} // namespace

void addBatchedNMS(Ort::CustomOpDomain& domain)
{
    static BatchedNMSOperator const only;
    domain.Add(&only);
}

} // namespace refinemask
