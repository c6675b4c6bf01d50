#include "operators/places.h"

#include "operators/errors.h"

namespace refinemask
{

namespace
{

void requireRank4(
    char const* operatorName, char const* name, char const* wanted, Shape const& shape)
{
    if (shape.size() != 4)
    {
        fail(operatorName, name, " must have the shape ", wanted, ", got ", toText(shape));
    }
    requireAtMost(operatorName, "rows of a map", shape[2], kLargestSide);
    requireAtMost(operatorName, "columns of a map", shape[3], kLargestSide);
}

void requirePlaces(char const* operatorName, Shape const& places, std::int64_t count)
{
    Shape const wanted{count, 3};
    if (!mayEqual(places, wanted))
    {
        fail(operatorName, "places must have the shape ", toText(wanted), ", got ", toText(places));
    }
    requireAtMost(operatorName, "places", places[0], kLargestCount);
}

} // namespace

void NonZeroPlacesAttributes::checkShapes(Shape const& mask)
{
    if (mask.size() != 3)
    {
        fail(kOperatorName, "mask must have the shape (B, H, W), got ", toText(mask));
    }
    std::int64_t pixels = 1;
    for (std::int64_t const length : mask)
    {
        if (length < 1)
        {
            return; // nothing to find, or not known yet
        }
        if (length > kLargestCount / pixels)
        {
            fail(kOperatorName, "a mask may have at most ", kLargestCount, " pixels, got ",
                toText(mask));
        }
        pixels *= length;
    }
}

void GatherTilesAttributes::checkShapes(Shape const& maps, Shape const& places)
{
    requireRank4(kOperatorName, "maps", "(B, C, H, W)", maps);
    requirePlaces(kOperatorName, places, kUnknown);
}

void ScatterTilesAttributes::checkShapes(Shape const& tiles, Shape const& places, Shape const& like)
{
    requireRank4(kOperatorName, "tiles", "(T, C, h, w)", tiles);
    requireAtMost(kOperatorName, "rows of a tile", tiles[2], kLargestTileSide);
    requireAtMost(kOperatorName, "columns of a tile", tiles[3], kLargestTileSide);
    requirePlaces(kOperatorName, places, tiles[0]);
    requireRank4(kOperatorName, "like", "(B, any, H, W)", like);
}

void ConvAtPlacesAttributes::checkShapes(
    Shape const& maps, Shape const& places, Shape const& weight, Shape const& bias)
{
    requireRank4(kOperatorName, "maps", "(B, C, H, W)", maps);
    requirePlaces(kOperatorName, places, kUnknown);
    if (weight.size() != 4 || !mayEqual(weight[1], maps[1]) || !mayEqual(weight[2], weight[3])
        || weight[2] == 0 || (weight[2] != kUnknown && weight[2] % 2 == 0)
        || weight[2] > kLargestKernelSide)
    {
        fail(kOperatorName, "weight must have the shape (O, C, k, k), k odd and at most ",
            kLargestKernelSide, ", to go with maps ", toText(maps), ", got ", toText(weight));
    }
    Shape const wanted{weight[0]};
    if (!mayEqual(bias, wanted))
    {
        fail(kOperatorName, "bias must have the shape ", toText(wanted), ", got ", toText(bias));
    }
}

} // namespace refinemask
