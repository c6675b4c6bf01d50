// TensorRT plugins: tiles of maps at places, cut out and put back.
#include "cuda/places.h"
#include "operators/places.h"
#include "tensorrt/creator.h"
#include "tensorrt/creators.h"
#include "tensorrt/places.h"

namespace refinemask
{

namespace
{

//! Inputs: maps T (B, C, H, W), places int64 (T, 3). Output: tiles T, with their margins.
class GatherTilesPlugin final : public PlacesPlugin<GatherTilesPlugin, GatherTilesAttributes>
{
public:
    static constexpr char const* kInputNames[] = {"maps", "places"};

    using PlacesPlugin::PlacesPlugin;

protected:
    void checkInputs(std::vector<Shape> const& inputs) const override
    {
        Attributes::checkShapes(inputs[0], inputs[kPlaces]);
    }

    void outputShapes(DimsExprs const* inputs, DimsExprs const* /*shapeInputs*/, DimsExprs* outputs,
        nvinfer1::IExprBuilder& builder) const override
    {
        TileSize const tile = attributes().tile();
        outputs[0].nbDims = 4;
        outputs[0].d[0] = inputs[kPlaces].d[0];
        outputs[0].d[1] = inputs[0].d[1];
        outputs[0].d[2] = builder.constant(tileRows(tile).count);
        outputs[0].d[3] = builder.constant(tileColumns(tile).count);
    }

    cudaError_t launch(TensorDesc const* inputDescs, TensorDesc const* /*outputDescs*/,
        void const* const* inputs, void* const* outputs, void* /*workspace*/,
        cudaStream_t stream) const override
    {
        GatherTilesLaunch launch{};
        launch.type = toElementType(inputDescs[0].type);
        launch.maps = inputs[0];
        launch.shape = mapsShape(toShape(inputDescs[0].dims));
        launch.places = placesOf(inputs);
        launch.numPlaces = inputDescs[kPlaces].dims.d[0];
        launch.tile = attributes().tile();
        launch.tiles = outputs[0];
        return launchGatherTiles(launch, stream);
    }
};

//! Inputs: tiles T (T, C, h, w), places int64 (T, 3), like T (B, any, H, W). Output: maps T
//! (B, C, H, W).
class ScatterTilesPlugin final : public PlacesPlugin<ScatterTilesPlugin, ScatterTilesAttributes>
{
public:
    static constexpr char const* kInputNames[] = {"tiles", "places", "like"};

    using PlacesPlugin::PlacesPlugin;

protected:
    void checkInputs(std::vector<Shape> const& inputs) const override
    {
        Attributes::checkShapes(inputs[0], inputs[kPlaces], inputs[kLike]);
    }

    void outputShapes(DimsExprs const* inputs, DimsExprs const* /*shapeInputs*/, DimsExprs* outputs,
        nvinfer1::IExprBuilder& /*builder*/) const override
    {
        outputs[0] = inputs[kLike];
        outputs[0].d[1] = inputs[0].d[1];
    }

    cudaError_t launch(TensorDesc const* inputDescs, TensorDesc const* outputDescs,
        void const* const* inputs, void* const* outputs, void* /*workspace*/,
        cudaStream_t stream) const override
    {
        ScatterTilesLaunch launch{};
        launch.type = toElementType(inputDescs[0].type);
        launch.tiles = inputs[0];
        launch.tile = Attributes::tile(toShape(inputDescs[0].dims));
        launch.places = placesOf(inputs);
        launch.numPlaces = inputDescs[kPlaces].dims.d[0];
        launch.shape = mapsShape(toShape(outputDescs[0].dims));
        launch.maps = outputs[0];
        return launchScatterTiles(launch, stream);
    }

private:
    static constexpr std::int32_t kLike = 2;
};

} // namespace

nvinfer1::IPluginCreatorInterface& gatherTilesCreator()
{
    static Creator<GatherTilesPlugin> creator;
    return creator;
}

nvinfer1::IPluginCreatorInterface& scatterTilesCreator()
{
    static Creator<ScatterTilesPlugin> creator;
    return creator;
}

} // namespace refinemask
