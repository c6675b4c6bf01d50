// PasteMasks on the CPU (kernels/paste_masks.h says what it computes), and run lengths
// without a canvas.
#pragma once

#include "cpu/parallel.h"
#include "kernels/paste_masks.h"

#include <vector>

namespace refinemask
{

//! Paste `count` masks (maskSize^2 probabilities) into their xyxy boxes on canvases of
//! height x width bytes: 1 where the probability is at least `threshold`. T is float or Half.
template <typename T>
void pasteMasks(T const* masks, float const* boxes, std::int64_t count, int maskSize,
    std::int64_t height, std::int64_t width, float threshold, std::uint8_t* output,
    ParallelFor const& parallelFor);

//! The same for one mask, as runs: append where each starts and ends (exclusive) as pixel indices
//! in column-major order, column by column. A run that reaches the bottom ends there, even where
//! the next column continues it.
template <typename T>
void pasteRuns(T const* mask, int maskSize, float const* box, std::int64_t height,
    std::int64_t width, float threshold, std::vector<std::int64_t>& edges);

} // namespace refinemask
