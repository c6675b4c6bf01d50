#include "operators/boundary_refine.h"

#include "cpu/boundary_refine.h"
#include "openvino/operator.h"
#include "openvino/threads.h"

namespace refinemask
{

namespace
{

class BoundaryRefine : public Operator<BoundaryRefine, BoundaryRefineAttributes>
{
public:
    OPENVINO_OP("BoundaryRefine", "refinemask")

    using Operator::Operator;

    std::vector<std::pair<ov::element::Type, Shape>> infer() const
    {
        requireType(Attributes::kOperatorName, *this, 0, {ov::element::f32, ov::element::f16});
        requireType(Attributes::kOperatorName, *this, 1, {get_input_element_type(0)});
        Attributes::checkShapes(inputShape(0, 4), inputShape(1, 4));
        return {{get_input_element_type(1), inputShape(1, 4)}};
    }

    void compute(ov::TensorVector& outputs, ov::TensorVector const& inputs) const
    {
        Shape const coarse = shapeOf(inputs[0]);
        Shape const fine = shapeOf(inputs[1]);
        Attributes::checkShapes(coarse, fine);
        withElements(inputs[0],
            [&](auto element)
            {
                using T = decltype(element);
                boundaryRefine(static_cast<T const*>(inputs[0].data()),
                    static_cast<T const*>(inputs[1].data()), coarse[0], static_cast<int>(coarse[2]),
                    static_cast<int>(mAttributes.boundaryWidth), allocate<T>(outputs[0], fine),
                    inArena);
            });
    }
};

} // namespace

void addBoundaryRefine(std::vector<ov::Extension::Ptr>& extensions)
{
    addOperator<BoundaryRefine>(extensions);
}

} // namespace refinemask
