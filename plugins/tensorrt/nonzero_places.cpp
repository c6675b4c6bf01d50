// TensorRT plugin: where a mask is not zero, with as many rows as there are such places.
#include "cuda/places.h"
#include "operators/places.h"
#include "tensorrt/creator.h"
#include "tensorrt/creators.h"

namespace refinemask
{

namespace
{

using nvinfer1::DimensionOperation;

constexpr std::int32_t kPlaces = 0;
constexpr std::int32_t kNumPlaces = 1;

//! Input: mask float32 (B, H, W). Outputs: places int64 (T, 3); num_places int32 (), the size
//! tensor, see BatchedNMS.
class NonZeroPlacesPlugin final : public Plugin<NonZeroPlacesPlugin, NonZeroPlacesAttributes>
{
public:
    static constexpr std::int32_t kNumOutputs = 2;

    using Plugin::Plugin;

protected:
    bool supportsType(std::int32_t position, DynamicTensorDesc const* tensors,
        std::int32_t numInputs) const override
    {
        DataType const output
            = position - numInputs == kNumPlaces ? DataType::kINT32 : DataType::kINT64;
        return tensors[position].desc.type == (position < numInputs ? DataType::kFLOAT : output);
    }

    void checkInputCount(std::int32_t numInputs) const override
    {
        if (numInputs != 1)
        {
            fail(kName, "has one input, mask, not ", numInputs);
        }
    }

    void checkInputs(std::vector<Shape> const& inputs) const override
    {
        Attributes::checkShapes(inputs[0]);
    }

    void outputTypes(
        DataType const* inputs, std::int32_t /*numInputs*/, DataType* outputs) const override
    {
        requireFloat32(kName, "mask", inputs[0]);
        outputs[kPlaces] = DataType::kINT64;
        outputs[kNumPlaces] = DataType::kINT32;
    }

    void outputShapes(DimsExprs const* inputs, DimsExprs const* /*shapeInputs*/, DimsExprs* outputs,
        nvinfer1::IExprBuilder& builder) const override
    {
        DimsExprs const& mask = inputs[0];
        auto const* const plane
            = builder.operation(DimensionOperation::kPROD, *mask.d[1], *mask.d[2]);
        auto const* const most = builder.operation(DimensionOperation::kPROD, *mask.d[0], *plane);
        // Kernels behind this are tuned for half of what there can be.
        auto const* const likely
            = builder.operation(DimensionOperation::kCEIL_DIV, *most, *builder.constant(2));
        outputs[kPlaces].nbDims = 2;
        outputs[kPlaces].d[0] = builder.declareSizeTensor(kNumPlaces, *likely, *most);
        outputs[kPlaces].d[1] = builder.constant(3);
        outputs[kNumPlaces].nbDims = 0;
    }

    std::size_t workspaceSize(DynamicTensorDesc const* inputs) const override
    {
        return placesWorkspace(pixelsOf(inputs[0].max));
    }

    cudaError_t launch(TensorDesc const* inputDescs, TensorDesc const* /*outputDescs*/,
        void const* const* inputs, void* const* outputs, void* workspace,
        cudaStream_t stream) const override
    {
        Dims const& mask = inputDescs[0].dims;
        NonZeroPlacesLaunch launch{};
        launch.mask = static_cast<float const*>(inputs[0]);
        launch.height = mask.d[1];
        launch.width = mask.d[2];
        launch.total = pixelsOf(mask);
        launch.workspace = workspace;
        launch.places = static_cast<std::int64_t*>(outputs[kPlaces]);
        launch.numPlaces = static_cast<std::int32_t*>(outputs[kNumPlaces]);
        return launchNonZeroPlaces(launch, stream);
    }

private:
    static std::int64_t pixelsOf(Dims const& mask)
    {
        return mask.d[0] * mask.d[1] * mask.d[2];
    }
};

} // namespace

nvinfer1::IPluginCreatorInterface& nonZeroPlacesCreator()
{
    static Creator<NonZeroPlacesPlugin> creator;
    return creator;
}

} // namespace refinemask
