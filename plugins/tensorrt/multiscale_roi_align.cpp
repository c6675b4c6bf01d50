// TensorRT plugin: RoIAlign over the levels of a feature pyramid.
#include "cuda/multiscale_roi_align.h"
#include "operators/multiscale_roi_align.h"
#include "tensorrt/creator.h"
#include "tensorrt/creators.h"

namespace refinemask
{

namespace
{

using nvinfer1::TensorFormat;

//! The format in which all channels of a cell lie together. TensorRT has no kHWC of 16-bit types:
//! there, channels are padded to a multiple of 8.
TensorFormat channelsLast(nvinfer1::DataType type)
{
    return type == nvinfer1::DataType::kFLOAT ? TensorFormat::kHWC : TensorFormat::kHWC8;
}

//! Elements from a cell to the next; 0 for maps that are stored by channel.
std::int64_t cellStride(nvinfer1::PluginTensorDesc const& features)
{
    std::int64_t const channels = features.dims.d[1];
    switch (features.format)
    {
    case TensorFormat::kHWC:
        return channels;
    case TensorFormat::kHWC8:
        return (channels + 7) / 8 * 8;
    default:
        return 0;
    }
}

//! Inputs: rois float32 (K, 5), then a T (B, C, H, W) for each stride. Output: T (K, C, S, S).
//! Features and output are linear, or all of them channels last.
class MultiScaleRoIAlignPlugin final : public Plugin<MultiScaleRoIAlignPlugin, RoIAlignAttributes>
{
public:
    static constexpr std::int32_t kNumOutputs = 1;

    explicit MultiScaleRoIAlignPlugin(RoIAlignAttributes attributes)
        : Plugin(std::move(attributes))
        , mParams(this->attributes().params())
    {
    }

protected:
    bool supportsType(std::int32_t position, DynamicTensorDesc const* tensors,
        std::int32_t /*numInputs*/) const override
    {
        DataType const type = tensors[position].desc.type;
        switch (position)
        {
        case 0:
            return type == DataType::kFLOAT;
        case 1:
            return isElementType(type);
        default:
            return type == tensors[1].desc.type;
        }
    }

    bool supportsFormat(std::int32_t position, DynamicTensorDesc const* tensors) const override
    {
        TensorFormat const format = tensors[position].desc.format;
        switch (position)
        {
        case 0:
            return format == TensorFormat::kLINEAR;
        case 1:
            return format == TensorFormat::kLINEAR || format == channelsLast(tensors[1].desc.type);
        default:
            return format == tensors[1].desc.format;
        }
    }

    void checkInputCount(std::int32_t numInputs) const override
    {
        attributes().checkLevels(numInputs - 1);
    }

    void checkInputs(std::vector<Shape> const& inputs) const override
    {
        attributes().checkShapes(inputs[0], {inputs.begin() + 1, inputs.end()});
    }

    void outputTypes(
        DataType const* inputs, std::int32_t numInputs, DataType* outputs) const override
    {
        requireFloat32(kName, "rois", inputs[0]);
        for (std::int32_t i = 1; i < numInputs; ++i)
        {
            requireElementType(kName, "features", inputs[i]);
            if (inputs[i] != inputs[1])
            {
                fail(kName, "features must have one type, not ", typeName(inputs[1]), " and ",
                    typeName(inputs[i]));
            }
        }
        outputs[0] = inputs[1];
    }

    void outputShapes(DimsExprs const* inputs, DimsExprs const* /*shapeInputs*/, DimsExprs* outputs,
        nvinfer1::IExprBuilder& builder) const override
    {
        nvinfer1::IDimensionExpr const* const side = builder.constant(attributes().outputSize);
        outputs[0].nbDims = 4;
        outputs[0].d[0] = inputs[0].d[0];
        outputs[0].d[1] = inputs[1].d[1];
        outputs[0].d[2] = side;
        outputs[0].d[3] = side;
    }

    cudaError_t launch(TensorDesc const* inputDescs, TensorDesc const* /*outputDescs*/,
        void const* const* inputs, void* const* outputs, void* /*workspace*/,
        cudaStream_t stream) const override
    {
        Dims const& features = inputDescs[1].dims;
        RoIAlignLaunch launch{};
        launch.type = toElementType(inputDescs[1].type);
        launch.rois = static_cast<float const*>(inputs[0]);
        launch.numRois = inputDescs[0].dims.d[0];
        for (int level = 0; level < mParams.numLevels; ++level)
        {
            Dims const& map = inputDescs[1 + level].dims;
            launch.levels[level] = FeatureMap{
                inputs[1 + level], static_cast<int>(map.d[2]), static_cast<int>(map.d[3])};
        }
        launch.batch = static_cast<int>(features.d[0]);
        launch.channels = static_cast<int>(features.d[1]);
        launch.cellStride = static_cast<int>(cellStride(inputDescs[1]));
        launch.params = mParams;
        launch.output = outputs[0];
        return launchMultiScaleRoIAlign(launch, stream);
    }

private:
    RoIAlignParams mParams;
};

} // namespace

nvinfer1::IPluginCreatorInterface& multiScaleRoIAlignCreator()
{
    static Creator<MultiScaleRoIAlignPlugin> creator;
    return creator;
}

} // namespace refinemask
