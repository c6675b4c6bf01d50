#include "tensorrt/multiscale_roi_align.h"

#include "cuda/multiscale_roi_align.h"

namespace refinemask
{

namespace
{

using nvinfer1::TensorFormat;

constexpr std::int64_t kMostSlabs = 65535; // blocks in the second dimension of a grid

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

} // namespace

void MultiScaleRoIAlignPlugin::requireInputs(std::int32_t numInputs) const
{
    require(numInputs == 1 + mParams.numLevels, kName, "has ", numInputs - 1, " feature maps for ",
        mParams.numLevels, " strides; there must be one for each");
}

bool MultiScaleRoIAlignPlugin::supportsType(std::int32_t position, DynamicTensorDesc const* tensors,
    std::int32_t /*numInputs*/, std::int32_t /*numOutputs*/) const
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

bool MultiScaleRoIAlignPlugin::supportsFormat(
    std::int32_t position, DynamicTensorDesc const* tensors) const
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

void MultiScaleRoIAlignPlugin::outputTypes(
    DataType const* inputs, std::int32_t numInputs, DataType* outputs) const
{
    requireInputs(numInputs);
    requireFloat32(kName, "rois", inputs[0]);
    for (std::int32_t i = 1; i < numInputs; ++i)
    {
        requireElementType(kName, "features", inputs[i]);
        require(inputs[i] == inputs[1], kName, "features must have one type, not ",
            typeName(inputs[1]), " and ", typeName(inputs[i]));
    }
    outputs[0] = inputs[1];
}

void MultiScaleRoIAlignPlugin::outputShapes(DimsExprs const* inputs, std::int32_t numInputs,
    DimsExprs const* /*shapeInputs*/, std::int32_t numShapeInputs, DimsExprs* outputs,
    nvinfer1::IExprBuilder& builder) const
{
    requireInputs(numInputs);
    require(numShapeInputs == 0, kName, "has no shape inputs, but ", numShapeInputs, " are given");
    require(inputs[0].nbDims == 2, kName, "rois must be (K, 5), but have ", inputs[0].nbDims,
        " dimensions");
    require(mayBe(*inputs[0].d[1], 5), kName, "rois must be (K, 5), but have ",
        inputs[0].d[1]->getConstantValue(), " columns");
    for (std::int32_t i = 1; i < numInputs; ++i)
    {
        require(inputs[i].nbDims == 4, kName, "features must be (B, C, H, W), but those of level ",
            i - 1, " have ", inputs[i].nbDims, " dimensions");
        for (std::int32_t axis = 0; axis < 2; ++axis)
        {
            require(mayBeEqual(*inputs[i].d[axis], *inputs[1].d[axis]), kName,
                "features must agree in batch and channels, but have ",
                inputs[1].d[axis]->getConstantValue(), " and ",
                inputs[i].d[axis]->getConstantValue());
        }
    }
    nvinfer1::IDimensionExpr const* const side = builder.constant(attributes().outputSize);
    outputs[0].nbDims = 4;
    outputs[0].d[0] = inputs[0].d[0];
    outputs[0].d[1] = inputs[1].d[1];
    outputs[0].d[2] = side;
    outputs[0].d[3] = side;
}

void MultiScaleRoIAlignPlugin::checkShapes(
    TensorDesc const* inputs, std::int32_t numInputs, TensorDesc const* /*outputs*/) const
{
    requireInputs(numInputs);
    Dims const& rois = inputs[0].dims;
    require(rois.nbDims == 2 && rois.d[1] == 5, kName, "rois must be (K, 5), not ", toText(rois));
    Dims const& first = inputs[1].dims;
    for (std::int32_t i = 1; i < numInputs; ++i)
    {
        Dims const& map = inputs[i].dims;
        require(map.nbDims == 4, kName, "features must be (B, C, H, W), not ", toText(map));
        require(map.d[0] == first.d[0] && map.d[1] == first.d[1], kName,
            "features must agree in batch and channels, not ", toText(first), " and ", toText(map));
        require(map.d[2] >= 1 && map.d[3] >= 1 && map.d[2] <= kLargestInt / map.d[3], kName,
            "feature maps must have at least one cell and fewer than 2^31, not ", toText(map));
        require(map.d[0] <= kLargestInt && map.d[1] <= kMostSlabs * 64, kName,
            "features have too many images or channels: ", toText(map));
    }
}

cudaError_t MultiScaleRoIAlignPlugin::launch(TensorDesc const* inputDescs,
    TensorDesc const* /*outputDescs*/, void const* const* inputs, void* const* outputs,
    void* /*workspace*/, cudaStream_t stream) const
{
    Dims const& features = inputDescs[1].dims;
    RoIAlignLaunch launch{};
    launch.type = toElementType(inputDescs[1].type);
    launch.rois = static_cast<float const*>(inputs[0]);
    launch.numRois = inputDescs[0].dims.d[0];
    for (int level = 0; level < mParams.numLevels; ++level)
    {
        Dims const& map = inputDescs[1 + level].dims;
        launch.levels[level]
            = FeatureMap{inputs[1 + level], static_cast<int>(map.d[2]), static_cast<int>(map.d[3])};
    }
    launch.batch = static_cast<int>(features.d[0]);
    launch.channels = static_cast<int>(features.d[1]);
    launch.cellStride = static_cast<int>(cellStride(inputDescs[1]));
    launch.params = mParams;
    launch.output = outputs[0];
    return launchMultiScaleRoIAlign(launch, stream);
}

} // namespace refinemask
