// Attributes and limits of PasteMasks.
#pragma once

#include "operators/attribute.h"
#include "operators/shape.h"

namespace refinemask
{

struct PasteMasksAttributes
{
    static constexpr char const* kOperatorName = "PasteMasks";

    float threshold = 0.F;

    template <typename Visitor>
    void visit(Visitor& visitor)
    {
        visitor.number("threshold", threshold, {0.F, 1.F, true});
    }

    //! Throw std::invalid_argument unless the shapes are (N, M, M), with M at most kLargestMapSide,
    //! and (N, 4).
    static void checkShapes(Shape const& masks, Shape const& boxes);

    //! Throw std::invalid_argument unless the size of the canvases is given by two numbers.
    static void checkSize(Shape const& size);

    //! Throw std::invalid_argument unless `count` canvases of height x width pixels can be written.
    static void checkCanvases(std::int64_t count, std::int64_t height, std::int64_t width);
};

} // namespace refinemask
