#include "torch/places.h"

#include "cpu/conv_at_places.h"
#include "cpu/places.h"

#include <algorithm>

namespace refinemask
{

namespace
{

constexpr auto kCpuTypes = {ScalarType::Float, ScalarType::Half};

Tensor nonZeroOnCpu(Tensor mask)
{
    Tensor const values = maskInput(mask);
    auto const places = nonZeroPlaces(static_cast<float const*>(values.data_ptr()), values.size(0),
        values.size(1), values.size(2));
    Tensor const rows
        = allocate(mask, {static_cast<std::int64_t>(places.size()), 3}, ScalarType::Long);
    auto* target = static_cast<std::int64_t*>(rows.data_ptr());
    for (Place const& place : places)
    {
        target = std::copy(place.begin(), place.end(), target);
    }
    return rows;
}

Tensor gatherOnCpu(
    Tensor maps, Tensor places, std::int64_t height, std::int64_t width, std::int64_t margin)
{
    GatherTilesAttributes const attributes{height, width, margin};
    TileInputs const inputs = gatherInputs(maps, places, attributes, kCpuTypes);
    Tensor const tiles = allocate(maps, inputs.output, maps.scalar_type());
    withElements(maps,
        [&](auto element)
        {
            using T = Bits<decltype(element)>;
            gatherTiles(static_cast<T const*>(inputs.values.data_ptr()),
                mapsShape(shapeOf(inputs.values)), placesOf(inputs.places), inputs.output[0],
                attributes.tile(), static_cast<T*>(tiles.data_ptr()), inThreads);
        });
    return tiles;
}

Tensor scatterOnCpu(Tensor tiles, Tensor places, Tensor like)
{
    TileInputs const inputs = scatterInputs(tiles, places, like, kCpuTypes);
    Tensor const maps = allocate(tiles, inputs.output, tiles.scalar_type());
    withElements(tiles,
        [&](auto element)
        {
            using T = Bits<decltype(element)>;
            scatterTiles(static_cast<T const*>(inputs.values.data_ptr()),
                ScatterTilesAttributes::tile(shapeOf(tiles)), placesOf(inputs.places),
                tiles.size(0), mapsShape(inputs.output), static_cast<T*>(maps.data_ptr()),
                inThreads);
        });
    return maps;
}

Tensor convOnCpu(Tensor maps, Tensor places, Tensor weight, Tensor bias, std::int64_t dilation)
{
    PlaceConvInputs const inputs = placeConvInputs(maps, places, weight, bias, dilation, kCpuTypes);
    Tensor const values
        = allocate(maps, {places.size(0), inputs.kernel.outputs}, maps.scalar_type());
    withElements(maps,
        [&](auto element)
        {
            using T = decltype(element);
            convAtPlaces(static_cast<T const*>(inputs.maps.data_ptr()),
                mapsShape(shapeOf(inputs.maps)), placesOf(inputs.places), places.size(0),
                inputs.kernel, static_cast<T const*>(inputs.weight.data_ptr()),
                static_cast<T const*>(inputs.bias.data_ptr()), static_cast<T*>(values.data_ptr()),
                inThreads);
        });
    return values;
}

//! Check the first input, and the places that go with it.
void requirePlacesOf(char const* operatorName, char const* name, Tensor const& values,
    Tensor const& places, std::initializer_list<ScalarType> types)
{
    requireType(operatorName, name, values, types);
    requireType(operatorName, "places", places, {ScalarType::Long});
    requireSameDevice(operatorName, "places", places, values);
}

} // namespace

Tensor maskInput(Tensor const& mask)
{
    requireType(NonZeroPlacesAttributes::kOperatorName, "mask", mask, {ScalarType::Float});
    NonZeroPlacesAttributes::checkShapes(shapeOf(mask));
    return torch::stable::contiguous(mask);
}

TileInputs gatherInputs(Tensor const& maps, Tensor const& places,
    GatherTilesAttributes const& attributes, std::initializer_list<ScalarType> types)
{
    requirePlacesOf(GatherTilesAttributes::kOperatorName, "maps", maps, places, types);
    checked(attributes).checkShapes(shapeOf(maps), shapeOf(places));
    return {torch::stable::contiguous(maps), torch::stable::contiguous(places),
        attributes.outputShape(shapeOf(maps), shapeOf(places))};
}

TileInputs scatterInputs(Tensor const& tiles, Tensor const& places, Tensor const& like,
    std::initializer_list<ScalarType> types)
{
    constexpr char const* kName = ScatterTilesAttributes::kOperatorName;
    requirePlacesOf(kName, "tiles", tiles, places, types);
    requireType(kName, "like", like, {tiles.scalar_type()});
    ScatterTilesAttributes::checkShapes(shapeOf(tiles), shapeOf(places), shapeOf(like));
    return {torch::stable::contiguous(tiles), torch::stable::contiguous(places),
        ScatterTilesAttributes::outputShape(shapeOf(tiles), shapeOf(like))};
}

PlaceConvInputs placeConvInputs(Tensor const& maps, Tensor const& places, Tensor const& weight,
    Tensor const& bias, std::int64_t dilation, std::initializer_list<ScalarType> types)
{
    constexpr char const* kName = ConvAtPlacesAttributes::kOperatorName;
    ConvAtPlacesAttributes const attributes = checked(ConvAtPlacesAttributes{dilation});
    requirePlacesOf(kName, "maps", maps, places, types);
    requireType(kName, "weight", weight, {maps.scalar_type()});
    requireType(kName, "bias", bias, {maps.scalar_type()});
    requireSameDevice(kName, "weight", weight, maps);
    requireSameDevice(kName, "bias", bias, maps);
    ConvAtPlacesAttributes::checkShapes(
        shapeOf(maps), shapeOf(places), shapeOf(weight), shapeOf(bias));
    return {attributes.kernel(shapeOf(weight)), torch::stable::contiguous(maps),
        torch::stable::contiguous(places), torch::stable::contiguous(weight),
        torch::stable::contiguous(bias)};
}

void addPlaces(TorchLibrary& schemas, TorchLibrary& cpu)
{
    schemas.def("nonzero_places(Tensor mask) -> Tensor");
    schemas.def("gather_tiles(Tensor maps, Tensor places, int height, int width, int margin) "
                "-> Tensor");
    schemas.def("scatter_tiles(Tensor tiles, Tensor places, Tensor like) -> Tensor");
    schemas.def("conv_at_places(Tensor maps, Tensor places, Tensor weight, Tensor bias, "
                "int dilation) -> Tensor");
    cpu.impl("nonzero_places", TORCH_BOX(&nonZeroOnCpu));
    cpu.impl("gather_tiles", TORCH_BOX(&gatherOnCpu));
    cpu.impl("scatter_tiles", TORCH_BOX(&scatterOnCpu));
    cpu.impl("conv_at_places", TORCH_BOX(&convOnCpu));
}

} // namespace refinemask
