#include "operators/multiscale_roi_align.h"

#include "cpu/multiscale_roi_align.h"
#include "openvino/operator.h"
#include "openvino/threads.h"

namespace refinemask
{

namespace
{

class MultiScaleRoIAlign : public Operator<MultiScaleRoIAlign, RoIAlignAttributes>
{
public:
    OPENVINO_OP("MultiScaleRoIAlign", "refinemask")

    using Operator::Operator;

    std::vector<std::pair<ov::element::Type, Shape>> infer() const
    {
        mAttributes.checkLevels(static_cast<std::int64_t>(get_input_size()) - 1);
        requireType(Attributes::kOperatorName, *this, 0, {ov::element::f32});
        requireType(Attributes::kOperatorName, *this, 1, {ov::element::f32, ov::element::f16});
        std::vector<Shape> features;
        for (std::size_t index = 1; index < get_input_size(); ++index)
        {
            requireType(Attributes::kOperatorName, *this, index, {get_input_element_type(1)});
            features.push_back(inputShape(index, 4));
        }
        Shape const rois = inputShape(0, 2);
        mAttributes.checkShapes(rois, features);
        std::int64_t const size = mAttributes.outputSize;
        return {{get_input_element_type(1), {rois[0], features[0][1], size, size}}};
    }

    void compute(ov::TensorVector& outputs, ov::TensorVector const& inputs) const
    {
        withElements(inputs[1],
            [&](auto element)
            {
                pool<decltype(element)>(outputs[0], inputs);
            });
    }

private:
    template <typename T>
    void pool(ov::Tensor& output, ov::TensorVector const& inputs) const
    {
        Shape const rois = shapeOf(inputs[0]);
        FeatureLevel<T> levels[kMaxLevels] = {};
        std::vector<Shape> shapes;
        for (std::size_t level = 0; level + 1 < inputs.size(); ++level)
        {
            shapes.push_back(shapeOf(inputs[level + 1]));
            levels[level].data = static_cast<T const*>(inputs[level + 1].data());
        }
        mAttributes.checkShapes(rois, shapes);
        for (std::size_t level = 0; level < shapes.size(); ++level)
        {
            levels[level].height = static_cast<int>(shapes[level][2]);
            levels[level].width = static_cast<int>(shapes[level][3]);
        }
        RoIAlignParams const params = mAttributes.params();
        std::int64_t const batch = shapes[0][0];
        std::int64_t const channels = shapes[0][1];
        auto const* const boxes = inputs[0].data<float const>();
        checkRois(boxes, rois[0], batch, params);
        std::int64_t const size = params.outputSize;
        multiScaleRoIAlign(boxes, rois[0], levels, batch, channels, params,
            allocate<T>(output, {rois[0], channels, size, size}), inArena);
    }
};

} // namespace

void addMultiScaleRoIAlign(std::vector<ov::Extension::Ptr>& extensions)
{
    addOperator<MultiScaleRoIAlign>(extensions);
}

} // namespace refinemask
