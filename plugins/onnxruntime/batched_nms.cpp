#include "cpu/batched_nms.h"
#include "onnxruntime/operator.h"
#include "operators/batched_nms.h"

#include <algorithm>

namespace refinemask
{

namespace
{

class BatchedNMSKernel : public KernelBase<BatchedNMSKernel>
{
public:
    explicit BatchedNMSKernel(AttributeReader const& reader)
        : mAttributes(readAttributes<BatchedNMSAttributes>(reader))
    {
    }

    void compute(Ort::KernelContext const& context) const
    {
        auto const boxes = input<float>(context, 0);
        auto const scores = input<float>(context, 1);
        mAttributes.checkShapes(boxes.shape, scores.shape);
        auto const selected
            = batchedNms(boxes.data, boxes.shape.size() == 4, scores.data, scores.shape[0],
                scores.shape[1], scores.shape[2], mAttributes.params(), threadPool(context));
        auto const count = static_cast<std::int64_t>(selected.size());
        auto* const rows = output<std::int64_t>(context, 0, {count, 3});
        for (std::int64_t row = 0; row < count; ++row)
        {
            std::copy(selected[row].begin(), selected[row].end(), rows + row * 3);
        }
        *output<std::int64_t>(context, 1, {}) = count;
    }

private:
    BatchedNMSAttributes mAttributes;
};

class BatchedNMSOperator : public OperatorBase<BatchedNMSOperator, BatchedNMSKernel>
{
public:
    static constexpr char const* kName = BatchedNMSAttributes::kOperatorName;
    static constexpr ONNXTensorElementDataType kInputs[]
        = {kElementType<float>, kElementType<float>};
    static constexpr ONNXTensorElementDataType kOutputs[]
        = {ONNX_TENSOR_ELEMENT_DATA_TYPE_INT64, ONNX_TENSOR_ELEMENT_DATA_TYPE_INT64};

    static void infer(ShapeInference const& graph)
    {
        inferBatchedNMS(graph);
    }
};

} // namespace

void addBatchedNMS(Ort::CustomOpDomain& domain)
{
    static BatchedNMSOperator const only;
    domain.Add(&only);
}

} // namespace refinemask
