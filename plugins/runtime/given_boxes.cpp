#include "runtime/given_boxes.h"

#include "runtime/error.h"

#include <algorithm>
#include <cmath>

namespace refinemask::runtime
{
namespace
{

constexpr std::int64_t kMostBoxes = 1000; // the masks of all are computed at once

void checkPointers(refinemask_boxes const& given, std::int64_t classes)
{
    if (given.count < 0 || given.count > kMostBoxes)
    {
        raise(REFINEMASK_INVALID_ARGUMENT, "an image may have up to ", kMostBoxes, " boxes, got ",
            given.count);
    }
    if (given.count > 0 && given.corners == nullptr)
    {
        raise(REFINEMASK_INVALID_ARGUMENT, "corners is NULL");
    }
    if (given.count > 0 && given.labels == nullptr && classes > 1)
    {
        raise(REFINEMASK_INVALID_ARGUMENT, "the artifact has ", classes,
            " classes: give the label of each box");
    }
}

void checkBox(std::int64_t index, float const* box)
{
    bool const isFinite = std::all_of(box, box + 4,
        [](float side)
        {
            return std::isfinite(side);
        });
    if (!isFinite || box[2] < box[0] || box[3] < box[1])
    {
        raise(REFINEMASK_INVALID_ARGUMENT, "box ", index,
            ": corners must be finite, with x1 <= x2 and y1 <= y2, got ", box[0], ", ", box[1],
            ", ", box[2], ", ", box[3]);
    }
}

std::int64_t readLabel(refinemask_boxes const& given, std::int64_t index, std::int64_t classes)
{
    if (classes == 1)
    {
        return 0;
    }
    std::int64_t const label = given.labels[index];
    if (label < 0 || label >= classes)
    {
        raise(REFINEMASK_INVALID_ARGUMENT, "box ", index, " has the label ", label,
            ", and those of the artifact are 0 to ", classes - 1);
    }
    return label;
}

} // namespace

GivenBoxes readBoxes(refinemask_boxes const& given, std::int64_t height, std::int64_t width,
    PreparedSize const& prepared, std::int64_t classes)
{
    checkPointers(given, classes);
    GivenBoxes read;
    for (std::int64_t i = 0; i < given.count; ++i)
    {
        float const* const corners = given.corners + 4 * i;
        checkBox(i, corners);
        read.rois.push_back(0.0F);
        for (int side = 0; side < 4; ++side)
        {
            bool const isX = side % 2 == 0;
            auto const length = static_cast<float>(isX ? width : height);
            auto const resized = static_cast<float>(isX ? prepared.width : prepared.height);
            read.boxes.push_back(std::clamp(corners[side], 0.0F, length));
            float const scaled = read.boxes.back() * (isX ? prepared.scaleX : prepared.scaleY);
            read.rois.push_back(std::min(scaled, resized));
        }
        float const score = given.scores == nullptr ? 1.0F : given.scores[i];
        if (!std::isfinite(score))
        {
            raise(REFINEMASK_INVALID_ARGUMENT, "box ", i, " has the score ", score,
                "; scores must be finite");
        }
        read.scores.push_back(score);
        read.labels.push_back(readLabel(given, i, classes));
    }
    return read;
}

} // namespace refinemask::runtime
