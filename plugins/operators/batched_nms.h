// Attributes and limits of BatchedNMS.
#pragma once

#include "kernels/batched_nms.h"
#include "operators/attribute.h"
#include "operators/shape.h"

namespace refinemask
{

constexpr std::int64_t kLargestNmsBatch = 65535; //!< images

struct BatchedNMSAttributes
{
    static constexpr char const* kOperatorName = "BatchedNMS";

    float iouThreshold = 0.F;
    float scoreThreshold = 0.F;
    std::int64_t maxPerImage = 0;
    std::int64_t maxShifted = -1;
    std::int64_t firstShift = 0;

    template <typename Visitor>
    void visit(Visitor& visitor)
    {
        constexpr float kLargestScore = std::numeric_limits<float>::max();
        visitor.number("iou_threshold", iouThreshold, {0.F, 1.F});
        visitor.number("score_threshold", scoreThreshold, {-kLargestScore, kLargestScore});
        visitor.integer("max_per_image", maxPerImage, {1, kLargestCount});
        visitor.optionalInteger("max_shifted", maxShifted, {-1, kLargestCount});
        visitor.optionalInteger("first_shift", firstShift, {0, kLargestCount});
    }

    NmsParams params() const
    {
        return NmsParams{iouThreshold, scoreThreshold, maxPerImage, maxShifted, firstShift};
    }

    //! Throw std::invalid_argument unless boxes (B, K, 4) or (B, K, G, 4) go with scores (B, K, G),
    //! and neither the scores of an image nor the boxes that may be selected are too many.
    void checkShapes(Shape const& boxes, Shape const& scores) const;
};

} // namespace refinemask
