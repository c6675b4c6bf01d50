#include "torch/places.h"

#include "cuda/conv_at_places.h"
#include "cuda/places.h"
#include "torch/cuda/operator.h"

namespace refinemask
{

namespace
{

Tensor nonZeroOnCuda(Tensor mask)
{
    constexpr char const* kName = NonZeroPlacesAttributes::kOperatorName;
    DeviceOf const device(mask);
    Tensor const values = maskInput(mask);
    std::int64_t const total = values.size(0) * values.size(1) * values.size(2);
    Tensor const workspace
        = allocate(mask, {static_cast<std::int64_t>(placesWorkspace(total))}, ScalarType::Byte);
    Tensor places = allocate(mask, {total, 3}, ScalarType::Long);
    Tensor const numPlaces = allocate(mask, {1}, ScalarType::Int);
    NonZeroPlacesLaunch const launch{static_cast<float const*>(values.data_ptr()), values.size(1),
        values.size(2), total, workspace.data_ptr(), static_cast<std::int64_t*>(places.data_ptr()),
        static_cast<std::int32_t*>(numPlaces.data_ptr())};
    cudaStream_t const stream = currentStream(mask);
    requireSuccess(kName, launchNonZeroPlaces(launch, stream));
    std::int32_t count = 0;
    requireSuccess(kName,
        cudaMemcpyAsync(&count, launch.numPlaces, sizeof(count), cudaMemcpyDeviceToHost, stream));
    requireSuccess(kName, cudaStreamSynchronize(stream));
    return torch::stable::narrow(places, 0, 0, count);
}

Tensor gatherOnCuda(
    Tensor maps, Tensor places, std::int64_t height, std::int64_t width, std::int64_t margin)
{
    DeviceOf const device(maps);
    GatherTilesAttributes const attributes{height, width, margin};
    TileInputs const inputs = gatherInputs(maps, places, attributes, kCudaTypes);
    Tensor const tiles = allocate(maps, inputs.output, maps.scalar_type());
    GatherTilesLaunch const launch{elementType(maps), inputs.values.data_ptr(),
        mapsShape(shapeOf(maps)), placesOf(inputs.places), places.size(0), attributes.tile(),
        tiles.data_ptr()};
    requireSuccess(
        GatherTilesAttributes::kOperatorName, launchGatherTiles(launch, currentStream(maps)));
    return tiles;
}

Tensor scatterOnCuda(Tensor tiles, Tensor places, Tensor like)
{
    DeviceOf const device(tiles);
    TileInputs const inputs = scatterInputs(tiles, places, like, kCudaTypes);
    Tensor const maps = allocate(tiles, inputs.output, tiles.scalar_type());
    ScatterTilesLaunch const launch{elementType(tiles), inputs.values.data_ptr(),
        ScatterTilesAttributes::tile(shapeOf(tiles)), placesOf(inputs.places), places.size(0),
        mapsShape(inputs.output), maps.data_ptr()};
    requireSuccess(
        ScatterTilesAttributes::kOperatorName, launchScatterTiles(launch, currentStream(tiles)));
    return maps;
}

Tensor convOnCuda(Tensor maps, Tensor places, Tensor weight, Tensor bias, std::int64_t dilation)
{
    DeviceOf const device(maps);
    PlaceConvInputs const inputs
        = placeConvInputs(maps, places, weight, bias, dilation, kCudaTypes);
    Tensor const values
        = allocate(maps, {places.size(0), inputs.kernel.outputs}, maps.scalar_type());
    ConvAtPlacesLaunch const launch{elementType(maps), inputs.maps.data_ptr(),
        mapsShape(shapeOf(maps)), placesOf(inputs.places), places.size(0), inputs.kernel,
        inputs.weight.data_ptr(), inputs.bias.data_ptr(), values.data_ptr()};
    requireSuccess(
        ConvAtPlacesAttributes::kOperatorName, launchConvAtPlaces(launch, currentStream(maps)));
    return values;
}

} // namespace

void addCudaPlaces(TorchLibrary& cuda)
{
    cuda.impl("nonzero_places", TORCH_BOX(&nonZeroOnCuda));
    cuda.impl("gather_tiles", TORCH_BOX(&gatherOnCuda));
    cuda.impl("scatter_tiles", TORCH_BOX(&scatterOnCuda));
    cuda.impl("conv_at_places", TORCH_BOX(&convOnCuda));
}

} // namespace refinemask
