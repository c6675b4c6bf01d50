#include "operators/paste_masks.h"

#include "operators/errors.h"

namespace refinemask
{

void PasteMasksAttributes::checkShapes(Shape const& masks, Shape const& boxes)
{
    if (masks.size() != 3 || !mayEqual(masks[1], masks[2]) || masks[1] == 0
        || masks[1] > kLargestMapSide)
    {
        fail(kOperatorName, "masks must have the shape (N, M, M), M from 1 to ", kLargestMapSide,
            ", got ", toText(masks));
    }
    Shape const placed{masks[0], 4};
    if (!mayEqual(boxes, placed))
    {
        fail(kOperatorName, "boxes must have the shape ", toText(placed), " to go with masks ",
            toText(masks), ", got ", toText(boxes));
    }
    requireAtMost(kOperatorName, "masks", masks[0], kLargestCount);
}

void PasteMasksAttributes::checkSize(Shape const& size)
{
    if (!mayEqual(size, Shape{2}))
    {
        fail(kOperatorName, "size must have the shape (2,), got ", toText(size));
    }
}

void PasteMasksAttributes::checkCanvases(
    std::int64_t count, std::int64_t height, std::int64_t width)
{
    IntegerRange const range{0, kLargestSide};
    if (!range.contains(height) || !range.contains(width))
    {
        fail(kOperatorName, "size must be a height and a width from 0 to ", kLargestSide, ", got ",
            "(", height, ", ", width, ")");
    }
    constexpr std::int64_t kMostBytes = std::numeric_limits<std::int64_t>::max();
    if (height > 0 && width > 0 && count > kMostBytes / (height * width))
    {
        fail(kOperatorName, "the output would not fit in memory: ", count, " canvases of (", height,
            ", ", width, ")");
    }
}

} // namespace refinemask
