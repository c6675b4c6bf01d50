// Shapes of tensors, which may be known in part: a builder of engines asks before sizes are set.
#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

namespace refinemask
{

using Shape = std::vector<std::int64_t>;

constexpr std::int64_t kUnknown = -1; //!< length of a dimension that is not known yet

//! RoIs, masks, scores and whatever else CUDA kernels count with 32 bits.
constexpr std::int64_t kLargestCount = std::numeric_limits<std::int32_t>::max();
//! Pixels or cells of a side that float32 coordinates can tell apart.
constexpr std::int64_t kLargestSide = 1 << 24;
//! Of the square maps that are made or refined for each RoI.
constexpr std::int64_t kLargestMapSide = 1 << 12;

//! As Python writes a tuple, such as "(1, 256)" or "(5,)", with "?" for what is not known.
std::string toText(Shape const& shape);

//! Whether two lengths are equal, or may turn out to be.
bool mayEqual(std::int64_t a, std::int64_t b);

//! Whether two shapes are equal, or may turn out to be.
bool mayEqual(Shape const& a, Shape const& b);

//! Throw std::invalid_argument if there are more than `most` things, called `what`.
void requireAtMost(
    char const* operatorName, char const* what, std::int64_t count, std::int64_t most);

} // namespace refinemask
