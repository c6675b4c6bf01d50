#include "operators/boundary_refine.h"

#include "operators/errors.h"

namespace refinemask
{

namespace
{

std::int64_t twice(std::int64_t length)
{
    return length == kUnknown ? kUnknown : 2 * length;
}

} // namespace

void BoundaryRefineAttributes::checkShapes(Shape const& coarse, Shape const& fine)
{
    if (coarse.size() != 4 || !mayEqual(coarse[1], 1) || !mayEqual(coarse[2], coarse[3])
        || coarse[2] == 0 || coarse[2] > kLargestMapSide)
    {
        fail(kOperatorName, "coarse_logits must have the shape (K, 1, s, s), s from 1 to ",
            kLargestMapSide, ", got ", toText(coarse));
    }
    Shape const doubled{coarse[0], 1, twice(coarse[2]), twice(coarse[3])};
    if (!mayEqual(fine, doubled))
    {
        fail(kOperatorName, "fine_logits must have the shape ", toText(doubled),
            ", twice the size of coarse_logits ", toText(coarse), ", got ", toText(fine));
    }
    requireAtMost(kOperatorName, "masks", coarse[0], kLargestCount);
}

} // namespace refinemask
