// TensorRT plugin: the boundary-aware refinement of mask logits.
#include "cuda/boundary_refine.h"
#include "operators/boundary_refine.h"
#include "tensorrt/creator.h"
#include "tensorrt/creators.h"

namespace refinemask
{

namespace
{

constexpr std::int32_t kCoarse = 0;
constexpr std::int32_t kFine = 1;

//! Inputs: coarse_logits T (K, 1, s, s), fine_logits T (K, 1, 2s, 2s). Output: T as fine_logits.
class BoundaryRefinePlugin final : public Plugin<BoundaryRefinePlugin, BoundaryRefineAttributes>
{
public:
    static constexpr std::int32_t kNumOutputs = 1;

    using Plugin::Plugin;

protected:
    bool supportsType(std::int32_t position, DynamicTensorDesc const* tensors,
        std::int32_t /*numInputs*/) const override
    {
        DataType const type = tensors[position].desc.type;
        return isElementType(type) && type == tensors[0].desc.type;
    }

    void checkInputCount(std::int32_t numInputs) const override
    {
        if (numInputs != 2)
        {
            fail(kName, "has two inputs, coarse_logits and fine_logits, not ", numInputs);
        }
    }

    void checkInputs(std::vector<Shape> const& inputs) const override
    {
        Attributes::checkShapes(inputs[kCoarse], inputs[kFine]);
    }

    void outputTypes(
        DataType const* inputs, std::int32_t /*numInputs*/, DataType* outputs) const override
    {
        requireElementType(kName, "coarse_logits", inputs[kCoarse]);
        if (inputs[kFine] != inputs[kCoarse])
        {
            fail(kName, "fine_logits must be ", typeName(inputs[kCoarse]),
                " as coarse_logits, not ", typeName(inputs[kFine]));
        }
        outputs[0] = inputs[kFine];
    }

    void outputShapes(DimsExprs const* inputs, DimsExprs const* /*shapeInputs*/, DimsExprs* outputs,
        nvinfer1::IExprBuilder& /*builder*/) const override
    {
        outputs[0] = inputs[kFine];
    }

    cudaError_t launch(TensorDesc const* inputDescs, TensorDesc const* /*outputDescs*/,
        void const* const* inputs, void* const* outputs, void* /*workspace*/,
        cudaStream_t stream) const override
    {
        Dims const& coarse = inputDescs[kCoarse].dims;
        BoundaryRefineLaunch launch{};
        launch.type = toElementType(inputDescs[kCoarse].type);
        launch.coarse = inputs[kCoarse];
        launch.fine = inputs[kFine];
        launch.count = coarse.d[0];
        launch.coarseSize = static_cast<int>(coarse.d[2]);
        launch.width = static_cast<int>(attributes().boundaryWidth);
        launch.output = outputs[0];
        return launchBoundaryRefine(launch, stream);
    }
};

} // namespace

nvinfer1::IPluginCreatorInterface& boundaryRefineCreator()
{
    static Creator<BoundaryRefinePlugin> creator;
    return creator;
}

} // namespace refinemask
