// Detections as they are handed out: in pixels of the original image, with masks in one format.
#pragma once

#include "refinemask/refinemask.h"
#include "runtime/block.h"
#include "runtime/outputs.h"

namespace refinemask::runtime
{

//! The image that detections are in.
struct ImageScale
{
    std::int64_t height; //!< of the original, in pixels
    std::int64_t width;
    float x; //!< resized over original length
    float y;
};

//! Return the detections whose score is at least `threshold`, at most `most` of them if that is not
//! negative (numerics 5, 9).
Owned<refinemask_detections> makeDetections(RawDetections const& raw, ImageScale const& image,
    std::vector<std::string> const& classNames, refinemask_mask_format masks, float threshold,
    std::int64_t most);

} // namespace refinemask::runtime
