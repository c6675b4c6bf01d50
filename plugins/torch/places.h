// NonZeroPlaces, GatherTiles, ScatterTiles and ConvAtPlaces as PyTorch calls them, and their inputs
// once they are checked.
#pragma once

#include "operators/places.h"

#include "torch/operator.h"

namespace refinemask
{

//! Contiguous tensors of maps or tiles, and the places that they belong to.
struct TileInputs
{
    Tensor values;
    Tensor places;
    Shape output;
};

struct PlaceConvInputs
{
    PlaceKernel kernel;
    Tensor maps; //!< contiguous, as the others
    Tensor places;
    Tensor weight;
    Tensor bias;
};

// Each throws std::invalid_argument unless attributes, types and shapes are those of the operator.
Tensor maskInput(Tensor const& mask);
TileInputs gatherInputs(Tensor const& maps, Tensor const& places,
    GatherTilesAttributes const& attributes, std::initializer_list<ScalarType> types);
TileInputs scatterInputs(Tensor const& tiles, Tensor const& places, Tensor const& like,
    std::initializer_list<ScalarType> types);
PlaceConvInputs placeConvInputs(Tensor const& maps, Tensor const& places, Tensor const& weight,
    Tensor const& bias, std::int64_t dilation, std::initializer_list<ScalarType> types);

inline std::int64_t const* placesOf(Tensor const& places)
{
    return static_cast<std::int64_t const*>(places.data_ptr());
}

} // namespace refinemask
