// The metadata of artifacts (architecture 7), as far as running one needs it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace refinemask::runtime
{

//! The images that an artifact takes, in pixels; 0 for a batch, height or width that is dynamic.
struct InputLimits
{
    std::int64_t shortSide;
    std::int64_t longSide;
    std::int64_t minSize;
    std::int64_t maxSize;
    std::int64_t divisor;
    std::int64_t batch;
    std::int64_t height;
    std::int64_t width;
};

struct Metadata
{
    std::string preset;
    std::string form;
    std::string precision;
    std::string outputs; //!< "detections", or "masks" of an artifact that is given boxes
    std::vector<std::string> classNames;
    std::vector<std::int64_t> categoryIds;
    InputLimits limits;
    std::int64_t maxDetections;
};

//! Read and check the metadata of an artifact; throws an Error if they are damaged or of another
//! schema.
Metadata parseMetadata(std::string const& json);

} // namespace refinemask::runtime
