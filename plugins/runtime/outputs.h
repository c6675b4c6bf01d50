// What a network returned for a batch, checked before anything is made of it (architecture 5.2).
#pragma once

#include "runtime/backend.h"

namespace refinemask::runtime
{

//! The detections of one image, in memory of the runtime; by descending score.
struct RawDetections
{
    std::int64_t count;
    float const* boxes; //!< count x 4, xyxy in pixels of the resized image
    float const* scores;
    std::int64_t const* labels;
    float const* masks; //!< count x maskSize x maskSize
    std::int64_t maskSize;
    bool isTruncated = false; //!< more candidates were found than the static form considers
};

//! Return the names of the outputs of an artifact that detects, of a form.
std::vector<char const*> outputNames(std::string const& form);

//! Return the masks (count x maskSize x maskSize) of given boxes; throws an Error if they are not.
RawDetections givenMasks(Outputs const& outputs, std::int64_t count);

//! Return the detections of each image of a batch.
//!
//! \param outputs in the order of outputNames().
//! \param images how many the network was given, each of height x width pixels.
//! Throws an Error if they are not what an artifact with these metadata may return.
std::vector<RawDetections> splitOutputs(Outputs const& outputs, Metadata const& metadata,
    std::int64_t images, std::int64_t height, std::int64_t width);

} // namespace refinemask::runtime
