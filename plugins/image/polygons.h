// Outlines of masks as polygons, as refinemask/inference/polygons.py describes them.
#pragma once

#include "image/rle.h"

namespace refinemask
{

//! A corner between pixels: pixel k covers k to k + 1.
struct Corner
{
    std::int32_t x;
    std::int32_t y;

    bool operator==(Corner const& other) const
    {
        return x == other.x && y == other.y;
    }
};

using Polygon = std::vector<Corner>;

//! Return a polygon for each part of a bitmap, whose pixels touch at least at a corner: along the
//! edges of the pixels, clockwise from the leftmost corner of the topmost row, and in the order of
//! these corners. A hole is joined to the outline around it by a cut of no width. Throws
//! std::invalid_argument unless the sides of the bitmap are 0 to kLargestSide.
std::vector<Polygon> outlines(BitmapView const& bitmap);

} // namespace refinemask
