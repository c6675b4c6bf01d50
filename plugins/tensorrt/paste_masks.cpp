#include "tensorrt/paste_masks.h"

#include "cuda/paste_masks.h"

namespace refinemask
{

namespace
{

constexpr std::int32_t kMasks = 0;
constexpr std::int32_t kBoxes = 1;
constexpr std::int64_t kLargestMask = 4096;
constexpr std::int64_t kLargestHeight = 65535LL * 32; // blocks in the second dimension of a grid

} // namespace

void PasteMasksPlugin::requireInputs(std::int32_t numInputs)
{
    require(numInputs == 2, kName,
        "has two inputs, masks and boxes, and the shape input size, which ",
        "ONNX nodes mark with the attribute tensorrt_plugin_shape_input_indices=[2]; it has got ",
        numInputs, " inputs that are no shape inputs");
}

bool PasteMasksPlugin::supportsType(std::int32_t position, DynamicTensorDesc const* tensors,
    std::int32_t /*numInputs*/, std::int32_t /*numOutputs*/) const
{
    DataType const type = tensors[position].desc.type;
    switch (position)
    {
    case kMasks:
        return isElementType(type);
    case kBoxes:
        return type == DataType::kFLOAT;
    default:
        return type == DataType::kINT8;
    }
}

void PasteMasksPlugin::outputTypes(
    DataType const* inputs, std::int32_t numInputs, DataType* outputs) const
{
    requireInputs(numInputs);
    requireElementType(kName, "masks", inputs[kMasks]);
    requireFloat32(kName, "boxes", inputs[kBoxes]);
    outputs[0] = DataType::kINT8;
}

void PasteMasksPlugin::outputShapes(DimsExprs const* inputs, std::int32_t numInputs,
    DimsExprs const* shapeInputs, std::int32_t numShapeInputs, DimsExprs* outputs,
    nvinfer1::IExprBuilder& /*builder*/) const
{
    requireInputs(numInputs);
    require(numShapeInputs == 1 && shapeInputs[0].nbDims == 2, kName,
        "size must be a shape input of two values, height and width");
    require(inputs[kMasks].nbDims == 3, kName, "masks must be (N, M, M), but have ",
        inputs[kMasks].nbDims, " dimensions");
    DimsExprs const& masks = inputs[kMasks];
    DimsExprs const& boxes = inputs[kBoxes];
    bool const agree = mayBeEqual(*masks.d[1], *masks.d[2]) && boxes.nbDims == 2
        && mayBe(*boxes.d[1], 4) && mayBeEqual(*boxes.d[0], *masks.d[0]);
    require(agree, kName, "masks must be (N, M, M) and boxes (N, 4), not ", toText(masks), " and ",
        toText(boxes));
    outputs[0].nbDims = 3;
    outputs[0].d[0] = inputs[kMasks].d[0];
    outputs[0].d[1] = shapeInputs[0].d[0];
    outputs[0].d[2] = shapeInputs[0].d[1];
}

void PasteMasksPlugin::checkShapes(
    TensorDesc const* inputs, std::int32_t numInputs, TensorDesc const* outputs) const
{
    requireInputs(numInputs);
    Dims const& masks = inputs[kMasks].dims;
    Dims const& boxes = inputs[kBoxes].dims;
    Dims const& images = outputs[0].dims;
    require(masks.nbDims == 3 && masks.d[1] == masks.d[2], kName, "masks must be (N, M, M), not ",
        toText(masks));
    require(masks.d[1] >= 1 && masks.d[1] <= kLargestMask, kName,
        "masks must have a side from 1 to ", kLargestMask, ", not ", masks.d[1]);
    require(boxes.nbDims == 2 && boxes.d[0] == masks.d[0] && boxes.d[1] == 4, kName,
        "boxes must be (N, 4), one for each mask, not ", toText(boxes), " for ", toText(masks));
    require(images.nbDims == 3 && images.d[1] <= kLargestHeight, kName,
        "the height of images must be at most ", kLargestHeight, ", not that of ", toText(images));
}

cudaError_t PasteMasksPlugin::launch(TensorDesc const* inputDescs, TensorDesc const* outputDescs,
    void const* const* inputs, void* const* outputs, void* /*workspace*/, cudaStream_t stream) const
{
    Dims const& masks = inputDescs[kMasks].dims;
    PasteMasksLaunch launch{};
    launch.type = toElementType(inputDescs[kMasks].type);
    launch.masks = inputs[kMasks];
    launch.boxes = static_cast<float const*>(inputs[kBoxes]);
    launch.count = masks.d[0];
    launch.maskSize = static_cast<int>(masks.d[1]);
    launch.height = outputDescs[0].dims.d[1];
    launch.width = outputDescs[0].dims.d[2];
    launch.threshold = attributes().threshold;
    launch.output = static_cast<std::uint8_t*>(outputs[0]);
    return launchPasteMasks(launch, stream);
}

} // namespace refinemask
