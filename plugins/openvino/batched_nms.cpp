#include "operators/batched_nms.h"

#include "cpu/batched_nms.h"
#include "openvino/operator.h"
#include "openvino/threads.h"

#include <algorithm>

namespace refinemask
{

namespace
{

class BatchedNMS : public Operator<BatchedNMS, BatchedNMSAttributes>
{
public:
    OPENVINO_OP("BatchedNMS", "refinemask")

    using Operator::Operator;

    std::vector<std::pair<ov::element::Type, Shape>> infer() const
    {
        requireType(Attributes::kOperatorName, *this, 0, {ov::element::f32});
        requireType(Attributes::kOperatorName, *this, 1, {ov::element::f32});
        mAttributes.checkShapes(inputShape(0, 4), inputShape(1, 3));
        return {{ov::element::i64, {kUnknown, 3}}, {ov::element::i64, {}}};
    }

    void compute(ov::TensorVector& outputs, ov::TensorVector const& inputs) const
    {
        Shape const boxes = shapeOf(inputs[0]);
        Shape const scores = shapeOf(inputs[1]);
        mAttributes.checkShapes(boxes, scores);
        auto const selected = batchedNms(inputs[0].data<float const>(), boxes.size() == 4,
            inputs[1].data<float const>(), scores[0], scores[1], scores[2], mAttributes.params(),
            inArena);
        auto const count = static_cast<std::int64_t>(selected.size());
        auto* const rows = allocate<std::int64_t>(outputs[0], {count, 3});
        for (std::int64_t row = 0; row < count; ++row)
        {
            std::copy(selected[row].begin(), selected[row].end(), rows + row * 3);
        }
        *allocate<std::int64_t>(outputs[1], {}) = count;
    }
};

} // namespace

void addBatchedNMS(std::vector<ov::Extension::Ptr>& extensions)
{
    addOperator<BatchedNMS>(extensions);
}

} // namespace refinemask
