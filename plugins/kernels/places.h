// Tiles of maps, and single pixels, at places: the number of a map, and a row and a column.
//
// Maps are divided into tiles of a fixed size, of which a place names one. A tile can be cut out
// with a margin of the pixels around it. What lies outside of the map is zero, and so is everything
// at a place that cannot be.
#pragma once

#include "kernels/host_device.h"

namespace refinemask
{

struct MapsShape
{
    std::int64_t count;
    std::int64_t channels;
    std::int64_t height;
    std::int64_t width;
};

REFINEMASK_HD std::int64_t planeOf(MapsShape const& shape)
{
    return shape.height * shape.width;
}

//! Along rows or columns: from a place to the pixels of a map that are taken there.
struct PlaceAxis
{
    std::int64_t count;    //!< pixels that are taken
    std::int64_t step;     //!< pixels of the map from one place to the next
    std::int64_t margin;   //!< pixels of the map before the place where they begin
    std::int64_t dilation; //!< pixels of the map between neighbours
};

struct TileSize
{
    std::int64_t height;
    std::int64_t width;
    std::int64_t margin; //!< on each side
};

REFINEMASK_HD PlaceAxis tileRows(TileSize const& tile)
{
    return PlaceAxis{tile.height + 2 * tile.margin, tile.height, tile.margin, 1};
}

REFINEMASK_HD PlaceAxis tileColumns(TileSize const& tile)
{
    return PlaceAxis{tile.width + 2 * tile.margin, tile.width, tile.margin, 1};
}

//! What no pixel of a map can be.
constexpr std::int64_t kOutside = -1;
//! More than any map has places along an axis; products with a step stay far from 2^63.
constexpr std::int64_t kPlacesLimit = 1LL << 32;

//! The row or column of a map, which has `length`, that is taken as number `index` at a place, or
//! kOutside.
REFINEMASK_HD std::int64_t pixelAt(
    PlaceAxis const& axis, std::int64_t place, std::int64_t index, std::int64_t length)
{
    if (place < 0 || place >= kPlacesLimit)
    {
        return kOutside;
    }
    std::int64_t const pixel = place * axis.step - axis.margin + index * axis.dilation;
    return pixel >= 0 && pixel < length ? pixel : kOutside;
}

REFINEMASK_HD bool isMap(MapsShape const& shape, std::int64_t map)
{
    return map >= 0 && map < shape.count;
}

} // namespace refinemask
