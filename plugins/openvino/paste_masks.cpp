#include "operators/paste_masks.h"

#include "cpu/paste_masks.h"
#include "openvino/operator.h"
#include "openvino/threads.h"

namespace refinemask
{

namespace
{

std::int64_t integer(ov::Tensor const& tensor, std::size_t index)
{
    return tensor.get_element_type() == ov::element::i32 ? tensor.data<std::int32_t const>()[index]
                                                         : tensor.data<std::int64_t const>()[index];
}

class PasteMasks : public Operator<PasteMasks, PasteMasksAttributes>
{
public:
    OPENVINO_OP("PasteMasks", "refinemask")

    using Operator::Operator;

    std::vector<std::pair<ov::element::Type, Shape>> infer() const
    {
        requireType(Attributes::kOperatorName, *this, 0, {ov::element::f32, ov::element::f16});
        requireType(Attributes::kOperatorName, *this, 1, {ov::element::f32});
        requireType(Attributes::kOperatorName, *this, 2,
            {ov::element::i64, ov::element::i32}); // as compiled
        Shape const masks = inputShape(0, 3);
        Attributes::checkShapes(masks, inputShape(1, 2));
        Attributes::checkSize(inputShape(2, 1));
        return {{ov::element::u8, {masks[0], kUnknown, kUnknown}}};
    }

    void compute(ov::TensorVector& outputs, ov::TensorVector const& inputs) const
    {
        Shape const masks = shapeOf(inputs[0]);
        Attributes::checkShapes(masks, shapeOf(inputs[1]));
        Attributes::checkSize(shapeOf(inputs[2]));
        std::int64_t const height = integer(inputs[2], 0);
        std::int64_t const width = integer(inputs[2], 1);
        Attributes::checkCanvases(masks[0], height, width);
        withElements(inputs[0],
            [&](auto element)
            {
                using T = decltype(element);
                pasteMasks(static_cast<T const*>(inputs[0].data()), inputs[1].data<float const>(),
                    masks[0], static_cast<int>(masks[1]), height, width, mAttributes.threshold,
                    allocate<std::uint8_t>(outputs[0], {masks[0], height, width}), inArena);
            });
    }
};

} // namespace

void addPasteMasks(std::vector<ov::Extension::Ptr>& extensions)
{
    addOperator<PasteMasks>(extensions);
}

} // namespace refinemask
