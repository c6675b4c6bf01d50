// Attributes and limits of BoundaryRefine.
#pragma once

#include "operators/attribute.h"
#include "operators/shape.h"

namespace refinemask
{

constexpr std::int64_t kLargestBoundaryWidth = 64; //!< in coarse pixels

struct BoundaryRefineAttributes
{
    static constexpr char const* kOperatorName = "BoundaryRefine";

    std::int64_t boundaryWidth = 0;

    template <typename Visitor>
    void visit(Visitor& visitor)
    {
        visitor.integer("boundary_width", boundaryWidth, {1, kLargestBoundaryWidth});
    }

    //! Throw std::invalid_argument unless the logits are (K, 1, s, s) and (K, 1, 2s, 2s), with s at
    //! most kLargestMapSide.
    static void checkShapes(Shape const& coarse, Shape const& fine);
};

} // namespace refinemask
