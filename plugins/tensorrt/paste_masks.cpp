// TensorRT plugin: masks resampled from their boxes into images.
#include "cuda/paste_masks.h"
#include "operators/paste_masks.h"
#include "tensorrt/creator.h"
#include "tensorrt/creators.h"

namespace refinemask
{

namespace
{

constexpr std::int32_t kMasks = 0;
constexpr std::int32_t kBoxes = 1;

//! Inputs: masks T (N, M, M), boxes float32 (N, 4); shape input: size int64 (2,), height and width.
//! Output: int8 (N, height, width), 1 where the mask is at least the threshold.
class PasteMasksPlugin final : public Plugin<PasteMasksPlugin, PasteMasksAttributes>
{
public:
    static constexpr std::int32_t kNumOutputs = 1;

    using Plugin::Plugin;

protected:
    bool supportsType(std::int32_t position, DynamicTensorDesc const* tensors,
        std::int32_t /*numInputs*/) const override
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

    void checkInputCount(std::int32_t numInputs) const override
    {
        if (numInputs != 2)
        {
            fail(kName, "has two inputs, masks and boxes, and the shape input size, which ONNX ",
                "nodes mark with the attribute tensorrt_plugin_shape_input_indices=[2]; got ",
                numInputs, " inputs that are not shape inputs");
        }
    }

    void checkInputs(std::vector<Shape> const& inputs) const override
    {
        Attributes::checkShapes(inputs[kMasks], inputs[kBoxes]);
    }

    void checkShapeInputs(DimsExprs const* shapeInputs, std::int32_t numShapeInputs) const override
    {
        if (numShapeInputs != 1 || shapeInputs[0].nbDims != 2)
        {
            fail(kName, "size must be a shape input of two values, height and width");
        }
    }

    void outputTypes(
        DataType const* inputs, std::int32_t /*numInputs*/, DataType* outputs) const override
    {
        requireElementType(kName, "masks", inputs[kMasks]);
        requireFloat32(kName, "boxes", inputs[kBoxes]);
        outputs[0] = DataType::kINT8;
    }

    void outputShapes(DimsExprs const* inputs, DimsExprs const* shapeInputs, DimsExprs* outputs,
        nvinfer1::IExprBuilder& /*builder*/) const override
    {
        outputs[0].nbDims = 3;
        outputs[0].d[0] = inputs[kMasks].d[0];
        outputs[0].d[1] = shapeInputs[0].d[0];
        outputs[0].d[2] = shapeInputs[0].d[1];
    }

    cudaError_t launch(TensorDesc const* inputDescs, TensorDesc const* outputDescs,
        void const* const* inputs, void* const* outputs, void* /*workspace*/,
        cudaStream_t stream) const override
    {
        Dims const& masks = inputDescs[kMasks].dims;
        Dims const& canvases = outputDescs[0].dims; // follow from the values of a shape input
        Attributes::checkCanvases(canvases.d[0], canvases.d[1], canvases.d[2]);
        PasteMasksLaunch launch{};
        launch.type = toElementType(inputDescs[kMasks].type);
        launch.masks = inputs[kMasks];
        launch.boxes = static_cast<float const*>(inputs[kBoxes]);
        launch.count = masks.d[0];
        launch.maskSize = static_cast<int>(masks.d[1]);
        launch.height = canvases.d[1];
        launch.width = canvases.d[2];
        launch.threshold = attributes().threshold;
        launch.output = static_cast<std::uint8_t*>(outputs[0]);
        return launchPasteMasks(launch, stream);
    }
};

} // namespace

nvinfer1::IPluginCreatorInterface& pasteMasksCreator()
{
    static Creator<PasteMasksPlugin> creator;
    return creator;
}

} // namespace refinemask
