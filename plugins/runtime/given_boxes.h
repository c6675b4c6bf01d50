// Boxes that a network is given, checked and brought to the resized image, as
// refinemask/inference/rois.py does.
#pragma once

#include "image/prepare.h"
#include "refinemask/refinemask.h"

#include <string>
#include <vector>

namespace refinemask::runtime
{

struct GivenBoxes
{
    std::vector<float> boxes; //!< count x 4, xyxy in pixels of the image, inside of it
    std::vector<float> scores;
    std::vector<std::int64_t> labels;
    std::vector<float> rois; //!< count x 5: 0 and the xyxy in pixels of the resized image

    std::int64_t count() const
    {
        return static_cast<std::int64_t>(labels.size());
    }

    bool isEmpty(std::size_t index) const
    {
        float const* const box = boxes.data() + 4 * index;
        return box[2] <= box[0] || box[3] <= box[1];
    }
};

//! Throws an Error if there are too many boxes, one is not finite or ends before it begins, or a
//! label is none of so many classes.
GivenBoxes readBoxes(refinemask_boxes const& given, std::int64_t height, std::int64_t width,
    PreparedSize const& prepared, std::int64_t classes);

} // namespace refinemask::runtime
