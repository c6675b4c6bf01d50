// TensorRT plugin: a convolution at places of maps.
#include "cuda/conv_at_places.h"
#include "operators/places.h"
#include "tensorrt/creator.h"
#include "tensorrt/creators.h"
#include "tensorrt/places.h"

namespace refinemask
{

namespace
{

constexpr std::int32_t kWeight = 2;
constexpr std::int32_t kBias = 3;

//! Inputs: maps T (B, C, H, W), places int64 (T, 3), weight T (O, C, k, k), bias T (O,). Output:
//! values T (T, O).
class ConvAtPlacesPlugin final : public PlacesPlugin<ConvAtPlacesPlugin, ConvAtPlacesAttributes>
{
public:
    static constexpr char const* kInputNames[] = {"maps", "places", "weight", "bias"};

    using PlacesPlugin::PlacesPlugin;

protected:
    void checkInputs(std::vector<Shape> const& inputs) const override
    {
        Attributes::checkShapes(inputs[0], inputs[kPlaces], inputs[kWeight], inputs[kBias]);
    }

    void outputShapes(DimsExprs const* inputs, DimsExprs const* /*shapeInputs*/, DimsExprs* outputs,
        nvinfer1::IExprBuilder& /*builder*/) const override
    {
        outputs[0].nbDims = 2;
        outputs[0].d[0] = inputs[kPlaces].d[0];
        outputs[0].d[1] = inputs[kWeight].d[0];
    }

    cudaError_t launch(TensorDesc const* inputDescs, TensorDesc const* /*outputDescs*/,
        void const* const* inputs, void* const* outputs, void* /*workspace*/,
        cudaStream_t stream) const override
    {
        ConvAtPlacesLaunch launch{};
        launch.type = toElementType(inputDescs[0].type);
        launch.maps = inputs[0];
        launch.shape = mapsShape(toShape(inputDescs[0].dims));
        launch.places = placesOf(inputs);
        launch.numPlaces = inputDescs[kPlaces].dims.d[0];
        launch.kernel = attributes().kernel(toShape(inputDescs[kWeight].dims));
        launch.weight = inputs[kWeight];
        launch.bias = inputs[kBias];
        launch.output = outputs[0];
        return launchConvAtPlaces(launch, stream);
    }
};

} // namespace

nvinfer1::IPluginCreatorInterface& convAtPlacesCreator()
{
    static Creator<ConvAtPlacesPlugin> creator;
    return creator;
}

} // namespace refinemask
