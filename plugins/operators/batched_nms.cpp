#include "operators/batched_nms.h"

#include "operators/errors.h"

#include <algorithm>

namespace refinemask
{

void BatchedNMSAttributes::checkShapes(Shape const& boxes, Shape const& scores) const
{
    if (scores.size() != 3)
    {
        fail(kOperatorName, "scores must have the shape (B, K, G), got ", toText(scores));
    }
    Shape const shared{scores[0], scores[1], 4};
    Shape const perGroup{scores[0], scores[1], scores[2], 4};
    if (!mayEqual(boxes, shared) && !mayEqual(boxes, perGroup))
    {
        fail(kOperatorName, "boxes must have the shape ", toText(shared), " or ", toText(perGroup),
            " to go with scores ", toText(scores), ", got ", toText(boxes));
    }
    requireAtMost(kOperatorName, "images", scores[0], kLargestNmsBatch);
    if (scores[1] < 1 || scores[2] < 1)
    {
        return; // nothing to select from, or not known yet
    }
    if (scores[1] > kLargestCount / scores[2])
    {
        fail(kOperatorName, "an image may have at most ", kLargestCount, " scores, got ", scores[1],
            " x ", scores[2]);
    }
    std::int64_t const perImage = std::min(scores[1] * scores[2], maxPerImage);
    if (scores[0] > kLargestCount / perImage)
    {
        fail(kOperatorName, "may select at most ", kLargestCount, " boxes, but ", perImage,
            " of each of ", scores[0], " images would be more; lower max_per_image");
    }
}

} // namespace refinemask
