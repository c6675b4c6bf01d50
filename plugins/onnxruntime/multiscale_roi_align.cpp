#include "cpu/multiscale_roi_align.h"
#include "onnxruntime/operator.h"
#include "operators/multiscale_roi_align.h"

namespace refinemask
{

namespace
{

RoIAlignAttributes readRoIAlignAttributes(AttributeReader const& reader)
{
    auto attributes = readAttributes<RoIAlignAttributes>(reader);
    attributes.checkLevels(reader.inputCount() - 1);
    return attributes;
}

template <typename T>
class MultiScaleRoIAlignKernel : public KernelBase<MultiScaleRoIAlignKernel<T>>
{
public:
    explicit MultiScaleRoIAlignKernel(AttributeReader const& reader)
        : mAttributes(readRoIAlignAttributes(reader))
        , mParams(mAttributes.params())
    {
    }

    void compute(Ort::KernelContext const& context) const
    {
        auto const rois = input<float>(context, 0);
        FeatureLevel<T> levels[kMaxLevels] = {};
        std::vector<Shape> shapes;
        for (int level = 0; level < mParams.numLevels; ++level)
        {
            auto const feature = input<T>(context, static_cast<std::size_t>(level) + 1);
            levels[level].data = feature.data;
            shapes.push_back(feature.shape);
        }
        mAttributes.checkShapes(rois.shape, shapes);
        for (int level = 0; level < mParams.numLevels; ++level)
        {
            levels[level].height = static_cast<int>(shapes[level][2]);
            levels[level].width = static_cast<int>(shapes[level][3]);
        }
        std::int64_t const batch = shapes[0][0];
        std::int64_t const channels = shapes[0][1];
        checkRois(rois.data, rois.shape[0], batch, mParams);
        std::int64_t const size = mParams.outputSize;
        T* const pooled = output<T>(context, 0, {rois.shape[0], channels, size, size});
        multiScaleRoIAlign(rois.data, rois.shape[0], levels, batch, channels, mParams, pooled,
            threadPool(context));
    }

private:
    RoIAlignAttributes mAttributes;
    RoIAlignParams mParams;
};

template <typename T>
class MultiScaleRoIAlignOperator
    : public OperatorBase<MultiScaleRoIAlignOperator<T>, MultiScaleRoIAlignKernel<T>>
{
public:
    static constexpr char const* kName = RoIAlignAttributes::kOperatorName;
    static constexpr ONNXTensorElementDataType kInputs[] = {kElementType<float>, kElementType<T>};
    static constexpr ONNXTensorElementDataType kOutputs[] = {kElementType<T>};

    OrtCustomOpInputOutputCharacteristic GetInputCharacteristic(std::size_t index) const
    {
        return index == 0 ? INPUT_OUTPUT_REQUIRED : INPUT_OUTPUT_VARIADIC;
    }

    static void infer(ShapeInference const& graph)
    {
        inferMultiScaleRoIAlign(graph);
    }
};

} // namespace

void addMultiScaleRoIAlign(Ort::CustomOpDomain& domain)
{
    static MultiScaleRoIAlignOperator<float> const single;
    static MultiScaleRoIAlignOperator<Half> const half;
    domain.Add(&single);
    domain.Add(&half);
}

} // namespace refinemask
