// Greedy non-maximum suppression, separately in each group of boxes (numerics 3.4 and 5).
//
// As in the official code, groups (classes or FPN levels) are kept apart by moving their boxes by
// group * (largest coordinate of the image's candidates + 1) in float32. The rounding of that
// decides a few boxes, so the kernels move them too.
#pragma once

#include "kernels/host_device.h"

namespace refinemask
{

//! What the attributes of the operator say; passed by value.
struct NmsParams
{
    float iouThreshold;       //!< boxes of a higher IoU with a better one are suppressed
    float scoreThreshold;     //!< only boxes with a higher score are candidates
    std::int64_t maxPerImage; //!< the best that are kept of each image
    std::int64_t maxShifted;  //!< with more candidates in an image, none is moved; -1 always moves
    std::int64_t firstShift;  //!< added to the group in the product above
};

//! Corners in pixels, moved by the shift of the box's group, and the area.
struct ShiftedBox
{
    float x1;
    float y1;
    float x2;
    float y2;
    float area;
};

//! What the boxes of a group are moved by, if largest is the largest coordinate of all candidates.
REFINEMASK_HD float groupShift(std::int64_t group, float largest, NmsParams const& params)
{
    return static_cast<float>(group + params.firstShift) * (largest + 1.F);
}

REFINEMASK_HD ShiftedBox shiftBox(float const* box, float shift)
{
    ShiftedBox moved{box[0] + shift, box[1] + shift, box[2] + shift, box[3] + shift, 0.F};
    moved.area = (moved.x2 - moved.x1) * (moved.y2 - moved.y1);
    return moved;
}

REFINEMASK_HD float larger(float a, float b)
{
    return a > b ? a : b;
}

REFINEMASK_HD float smaller(float a, float b)
{
    return a < b ? a : b;
}

//! The area that two boxes share.
REFINEMASK_HD float intersectionArea(ShiftedBox const& a, ShiftedBox const& b)
{
    float const width = larger(smaller(a.x2, b.x2) - larger(a.x1, b.x1), 0.F);
    float const height = larger(smaller(a.y2, b.y2) - larger(a.y1, b.y1), 0.F);
    return width * height;
}

//! Whether a box is suppressed by a better one; 0/0, of two boxes without area, is no overlap.
REFINEMASK_HD bool overlapsMore(ShiftedBox const& better, ShiftedBox const& box, float iouThreshold)
{
    float const intersection = intersectionArea(better, box);
    return intersection / (better.area + box.area - intersection) > iouThreshold;
}

//! A key that orders scores as numbers when compared as unsigned integers; NaN is no candidate.
REFINEMASK_HD std::uint32_t scoreKey(float score)
{
    std::uint32_t const bits = floatToBits(score + 0.F); // -0 becomes 0
    return (bits & 0x80000000U) != 0U ? ~bits : bits | 0x80000000U;
}

} // namespace refinemask
