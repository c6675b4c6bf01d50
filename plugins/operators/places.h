// Attributes and limits of NonZeroPlaces, GatherTiles, ScatterTiles and ConvAtPlaces.
#pragma once

#include "kernels/conv_at_places.h"
#include "operators/attribute.h"
#include "operators/shape.h"

namespace refinemask
{

constexpr std::int64_t kLargestTileSide = 4096; //!< also of a margin and a dilation
constexpr std::int64_t kLargestKernelSide = 31;

//! From the shape of a tensor that was checked.
inline MapsShape mapsShape(Shape const& lengths)
{
    return MapsShape{lengths[0], lengths[1], lengths[2], lengths[3]};
}

struct NonZeroPlacesAttributes
{
    static constexpr char const* kOperatorName = "NonZeroPlaces";

    template <typename Visitor>
    void visit(Visitor& /*visitor*/)
    {
    }

    //! Throw std::invalid_argument unless the mask is (B, H, W).
    static void checkShapes(Shape const& mask);
};

struct GatherTilesAttributes
{
    static constexpr char const* kOperatorName = "GatherTiles";

    std::int64_t height = 0;
    std::int64_t width = 0;
    std::int64_t margin = 0;

    template <typename Visitor>
    void visit(Visitor& visitor)
    {
        visitor.integer("height", height, {1, kLargestTileSide});
        visitor.integer("width", width, {1, kLargestTileSide});
        visitor.integer("margin", margin, {0, kLargestTileSide});
    }

    TileSize tile() const
    {
        return TileSize{height, width, margin};
    }

    //! Throw std::invalid_argument unless maps (B, C, H, W) go with places (T, 3).
    static void checkShapes(Shape const& maps, Shape const& places);

    //! The shape of the tiles.
    Shape outputShape(Shape const& maps, Shape const& places) const
    {
        return {places[0], maps[1], tileRows(tile()).count, tileColumns(tile()).count};
    }
};

struct ScatterTilesAttributes
{
    static constexpr char const* kOperatorName = "ScatterTiles";

    template <typename Visitor>
    void visit(Visitor& /*visitor*/)
    {
    }

    static TileSize tile(Shape const& tiles)
    {
        return TileSize{tiles[2], tiles[3], 0};
    }

    //! Throw std::invalid_argument unless tiles (T, C, h, w) go with places (T, 3), and `like` is
    //! (B, any, H, W).
    static void checkShapes(Shape const& tiles, Shape const& places, Shape const& like);

    //! The shape of the maps.
    static Shape outputShape(Shape const& tiles, Shape const& like)
    {
        return {like[0], tiles[1], like[2], like[3]};
    }
};

struct ConvAtPlacesAttributes
{
    static constexpr char const* kOperatorName = "ConvAtPlaces";

    std::int64_t dilation = 0;

    template <typename Visitor>
    void visit(Visitor& visitor)
    {
        visitor.integer("dilation", dilation, {1, kLargestTileSide});
    }

    PlaceKernel kernel(Shape const& weight) const
    {
        return PlaceKernel{weight[0], weight[2], dilation};
    }

    //! Throw std::invalid_argument unless maps (B, C, H, W) go with places (T, 3), a weight
    //! (O, C, k, k), k odd, and a bias (O,).
    static void checkShapes(
        Shape const& maps, Shape const& places, Shape const& weight, Shape const& bias);
};

} // namespace refinemask
