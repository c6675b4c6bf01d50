#include "tensorrt/batched_nms.h"

#include "cuda/batched_nms.h"

namespace refinemask
{

namespace
{

constexpr std::int32_t kBoxes = 0;
constexpr std::int32_t kScores = 1;
constexpr std::int32_t kSelected = 0;
constexpr std::int32_t kNumSelected = 1;
constexpr std::int64_t kLargestBatch = 65535; // blocks in the second dimension of a grid

using nvinfer1::DimensionOperation;

} // namespace

void BatchedNMSPlugin::requireInputs(std::int32_t numInputs)
{
    require(numInputs == 2, kName, "has two inputs, boxes and scores, not ", numInputs);
}

bool BatchedNMSPlugin::supportsType(std::int32_t position, DynamicTensorDesc const* tensors,
    std::int32_t numInputs, std::int32_t /*numOutputs*/) const
{
    DataType const output
        = position - numInputs == kNumSelected ? DataType::kINT32 : DataType::kINT64;
    return tensors[position].desc.type == (position < numInputs ? DataType::kFLOAT : output);
}

void BatchedNMSPlugin::outputTypes(
    DataType const* inputs, std::int32_t numInputs, DataType* outputs) const
{
    requireInputs(numInputs);
    requireFloat32(kName, "boxes", inputs[kBoxes]);
    requireFloat32(kName, "scores", inputs[kScores]);
    outputs[kSelected] = DataType::kINT64;
    outputs[kNumSelected] = DataType::kINT32;
}

void BatchedNMSPlugin::outputShapes(DimsExprs const* inputs, std::int32_t numInputs,
    DimsExprs const* /*shapeInputs*/, std::int32_t numShapeInputs, DimsExprs* outputs,
    nvinfer1::IExprBuilder& builder) const
{
    requireInputs(numInputs);
    require(numShapeInputs == 0, kName, "has no shape inputs, but ", numShapeInputs, " are given");
    DimsExprs const& boxes = inputs[kBoxes];
    DimsExprs const& scores = inputs[kScores];
    require(boxes.nbDims == 3 || boxes.nbDims == 4, kName,
        "boxes must be (B, K, 4) or (B, K, G, 4), but have ", boxes.nbDims, " dimensions");
    require(scores.nbDims == 3, kName, "scores must be (B, K, G), but have ", scores.nbDims,
        " dimensions");
    bool const agree = mayBe(*boxes.d[boxes.nbDims - 1], 4) && mayBeEqual(*boxes.d[0], *scores.d[0])
        && mayBeEqual(*boxes.d[1], *scores.d[1])
        && (boxes.nbDims == 3 || mayBeEqual(*boxes.d[2], *scores.d[2]));
    require(agree, kName, "boxes must be (B, K, 4) or (B, K, G, 4) for scores (B, K, G), not ",
        toText(boxes), " for ", toText(scores));
    auto const operate
        = [&builder](DimensionOperation operation, nvinfer1::IDimensionExpr const* first,
              nvinfer1::IDimensionExpr const* second)
    {
        return builder.operation(operation, *first, *second);
    };
    auto const* const scoresPerImage = operate(DimensionOperation::kPROD, scores.d[1], scores.d[2]);
    auto const* const perImage = operate(
        DimensionOperation::kMIN, scoresPerImage, builder.constant(attributes().maxPerImage));
    auto const* const most = operate(DimensionOperation::kPROD, scores.d[0], perImage);
    // Kernels behind this are tuned for as many as there can be: proposals reach that on every
    // image, and detections on those that take longest.
    auto const* const numSelected = builder.declareSizeTensor(kNumSelected, *most, *most);
    outputs[kSelected].nbDims = 2;
    outputs[kSelected].d[0] = numSelected;
    outputs[kSelected].d[1] = builder.constant(3);
    outputs[kNumSelected].nbDims = 0;
}

std::size_t BatchedNMSPlugin::workspaceSize(
    DynamicTensorDesc const* inputs, std::int32_t numInputs) const
{
    requireInputs(numInputs);
    Dims const& scores = largestShape(inputs[kScores]);
    return NmsWorkspace(scores.d[0], scores.d[1], scores.d[2], attributes().params()).size();
}

void BatchedNMSPlugin::checkShapes(
    TensorDesc const* inputs, std::int32_t numInputs, TensorDesc const* /*outputs*/) const
{
    requireInputs(numInputs);
    Dims const& boxes = inputs[kBoxes].dims;
    Dims const& scores = inputs[kScores].dims;
    require(scores.nbDims == 3, kName, "scores must be (B, K, G), not ", toText(scores));
    bool const perGroup = boxes.nbDims == 4;
    bool const agree = (perGroup || boxes.nbDims == 3) && boxes.d[boxes.nbDims - 1] == 4
        && boxes.d[0] == scores.d[0] && boxes.d[1] == scores.d[1]
        && (!perGroup || boxes.d[2] == scores.d[2]);
    require(agree, kName, "boxes must be (B, K, 4) or (B, K, G, 4) for scores (B, K, G), not ",
        toText(boxes), " for ", toText(scores));
    require(scores.d[0] <= kLargestBatch, kName, "takes at most ", kLargestBatch, " images, not ",
        scores.d[0]);
    require(scores.d[2] == 0 || scores.d[1] <= kLargestInt / scores.d[2], kName,
        "takes fewer than 2^31 scores an image, not those of ", toText(scores));
    std::int64_t const limit = nmsLimit(scores.d[1], scores.d[2], attributes().params());
    require(limit == 0 || scores.d[0] <= kLargestInt / limit, kName,
        "selects fewer than 2^31 boxes, not ", limit, " of each of ", scores.d[0], " images");
}

cudaError_t BatchedNMSPlugin::launch(TensorDesc const* inputDescs,
    TensorDesc const* /*outputDescs*/, void const* const* inputs, void* const* outputs,
    void* workspace, cudaStream_t stream) const
{
    Dims const& scores = inputDescs[kScores].dims;
    NmsLaunch launch{};
    launch.boxes = static_cast<float const*>(inputs[kBoxes]);
    launch.scores = static_cast<float const*>(inputs[kScores]);
    launch.boxesPerGroup = inputDescs[kBoxes].dims.nbDims == 4;
    launch.batch = scores.d[0];
    launch.count = scores.d[1];
    launch.groups = scores.d[2];
    launch.params = attributes().params();
    launch.workspace = workspace;
    launch.selected = static_cast<std::int64_t*>(outputs[kSelected]);
    launch.numSelected = static_cast<std::int32_t*>(outputs[kNumSelected]);
    return launchBatchedNms(launch, stream);
}

} // namespace refinemask
