// TensorRT plugin: greedy non-maximum suppression of a batch, with as many rows as are kept.
#include "cuda/batched_nms.h"
#include "operators/batched_nms.h"
#include "tensorrt/creator.h"
#include "tensorrt/creators.h"

namespace refinemask
{

namespace
{

using nvinfer1::DimensionOperation;

constexpr std::int32_t kBoxes = 0;
constexpr std::int32_t kScores = 1;
constexpr std::int32_t kSelected = 0;
constexpr std::int32_t kNumSelected = 1;

//! Inputs: boxes float32 (B, K, 4) or (B, K, G, 4), scores float32 (B, K, G).
//! Outputs: selected int64 (N, 3) = image, box, group; num_selected int32 (), the size tensor,
//! which TensorRT's headers ask to be int32; ONNX has int64 there.
class BatchedNMSPlugin final : public Plugin<BatchedNMSPlugin, BatchedNMSAttributes>
{
public:
    static constexpr std::int32_t kNumOutputs = 2;

    using Plugin::Plugin;

protected:
    bool supportsType(std::int32_t position, DynamicTensorDesc const* tensors,
        std::int32_t numInputs) const override
    {
        DataType const output
            = position - numInputs == kNumSelected ? DataType::kINT32 : DataType::kINT64;
        return tensors[position].desc.type == (position < numInputs ? DataType::kFLOAT : output);
    }

    void checkInputCount(std::int32_t numInputs) const override
    {
        if (numInputs != 2)
        {
            fail(kName, "has two inputs, boxes and scores, not ", numInputs);
        }
    }

    void checkInputs(std::vector<Shape> const& inputs) const override
    {
        attributes().checkShapes(inputs[kBoxes], inputs[kScores]);
    }

    void outputTypes(
        DataType const* inputs, std::int32_t /*numInputs*/, DataType* outputs) const override
    {
        requireFloat32(kName, "boxes", inputs[kBoxes]);
        requireFloat32(kName, "scores", inputs[kScores]);
        outputs[kSelected] = DataType::kINT64;
        outputs[kNumSelected] = DataType::kINT32;
    }

    void outputShapes(DimsExprs const* inputs, DimsExprs const* /*shapeInputs*/, DimsExprs* outputs,
        nvinfer1::IExprBuilder& builder) const override
    {
        DimsExprs const& scores = inputs[kScores];
        auto const operate
            = [&builder](DimensionOperation operation, nvinfer1::IDimensionExpr const* first,
                  nvinfer1::IDimensionExpr const* second)
        {
            return builder.operation(operation, *first, *second);
        };
        auto const* const scoresPerImage
            = operate(DimensionOperation::kPROD, scores.d[1], scores.d[2]);
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

    std::size_t workspaceSize(DynamicTensorDesc const* inputs) const override
    {
        Dims const& scores = inputs[kScores].max;
        return NmsWorkspace(scores.d[0], scores.d[1], scores.d[2], attributes().params()).size();
    }

    cudaError_t launch(TensorDesc const* inputDescs, TensorDesc const* /*outputDescs*/,
        void const* const* inputs, void* const* outputs, void* workspace,
        cudaStream_t stream) const override
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
};

} // namespace

nvinfer1::IPluginCreatorInterface& batchedNMSCreator()
{
    static Creator<BatchedNMSPlugin> creator;
    return creator;
}

} // namespace refinemask
