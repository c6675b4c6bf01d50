// NonZeroPlaces, GatherTiles and ScatterTiles on the CPU (kernels/places.h says what places are).
#pragma once

#include "cpu/parallel.h"
#include "kernels/places.h"

#include <array>
#include <type_traits>
#include <vector>

namespace refinemask
{

using Place = std::array<std::int64_t, 3>; //!< map, row and column

//! An unsigned integer of the size of T: tiles are moved, whatever their elements are.
template <typename T>
using Bits = std::conditional_t<sizeof(T) == sizeof(std::uint16_t), std::uint16_t, std::uint32_t>;

//! Where a mask of count x height x width is not zero, in row-major order; NaN is not zero.
std::vector<Place> nonZeroPlaces(
    float const* mask, std::int64_t count, std::int64_t height, std::int64_t width);

//! Cut out the tiles at places, with their margins: tiles is numPlaces x channels x rows x columns.
template <typename T>
void gatherTiles(T const* maps, MapsShape const& shape, std::int64_t const* places,
    std::int64_t numPlaces, TileSize const& tile, T* tiles, ParallelFor const& parallelFor);

//! Put tiles without margins into maps that are zero elsewhere.
template <typename T>
void scatterTiles(T const* tiles, TileSize const& tile, std::int64_t const* places,
    std::int64_t numPlaces, MapsShape const& shape, T* maps, ParallelFor const& parallelFor);

} // namespace refinemask
