#include "cuda/multiscale_roi_align.h"

#include "onnxruntime/cuda/operator.h"
#include "operators/multiscale_roi_align.h"

namespace refinemask
{

namespace
{

//! RoIs that the CPU provider refuses are pooled to 0: their values are on the GPU.
template <ONNXTensorElementDataType kType>
class MultiScaleRoIAlignKernel : public KernelBase<MultiScaleRoIAlignKernel<kType>>
{
public:
    explicit MultiScaleRoIAlignKernel(AttributeReader const& reader)
        : mAttributes(readAttributes<RoIAlignAttributes>(reader))
    {
        mAttributes.checkLevels(reader.inputCount() - 1);
    }

    void compute(Ort::KernelContext const& context) const
    {
        auto const rois = input<float>(context, 0);
        RoIAlignLaunch launch{};
        launch.params = mAttributes.params();
        std::vector<Shape> shapes;
        for (int level = 0; level < launch.params.numLevels; ++level)
        {
            auto const feature = input<void>(context, static_cast<std::size_t>(level) + 1);
            launch.levels[level].data = feature.data;
            shapes.push_back(feature.shape);
        }
        mAttributes.checkShapes(rois.shape, shapes);
        for (int level = 0; level < launch.params.numLevels; ++level)
        {
            launch.levels[level].height = static_cast<int>(shapes[level][2]);
            launch.levels[level].width = static_cast<int>(shapes[level][3]);
        }
        std::int64_t const size = launch.params.outputSize;
        launch.type = toElementType(kType);
        launch.rois = rois.data;
        launch.numRois = rois.shape[0];
        launch.batch = static_cast<int>(shapes[0][0]);
        launch.channels = static_cast<int>(shapes[0][1]);
        launch.output = output<void>(context, 0, {rois.shape[0], shapes[0][1], size, size});
        requireSuccess(
            RoIAlignAttributes::kOperatorName, launchMultiScaleRoIAlign(launch, streamOf(context)));
    }

private:
    RoIAlignAttributes mAttributes;
};

template <ONNXTensorElementDataType kType>
class MultiScaleRoIAlignOperator
    : public CudaOperatorBase<MultiScaleRoIAlignOperator<kType>, MultiScaleRoIAlignKernel<kType>>
{
public:
    static constexpr char const* kName = RoIAlignAttributes::kOperatorName;
    static constexpr ONNXTensorElementDataType kInputs[] = {kElementType<float>, kType};
    static constexpr ONNXTensorElementDataType kOutputs[] = {kType};

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
    static MultiScaleRoIAlignOperator<kElementType<float>> const single;
    static MultiScaleRoIAlignOperator<kElementType<Half>> const half;
    static MultiScaleRoIAlignOperator<ONNX_TENSOR_ELEMENT_DATA_TYPE_BFLOAT16> const brain;
    domain.Add(&single);
    domain.Add(&half);
    domain.Add(&brain);
}

} // namespace refinemask
