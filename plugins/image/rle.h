// COCO's compressed run-length encoding of masks.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace refinemask
{

//! Return the compressed counts of a mask of `pixels` pixels.
//!
//! \param edges of its runs in column-major order, as pasteRuns() finds them: start and exclusive
//! end of each. Runs that touch are one.
std::string toRle(std::vector<std::int64_t> const& edges, std::int64_t pixels);

} // namespace refinemask
