// BatchedNMS on the CPU (kernels/batched_nms.h says what it computes).
#pragma once

#include "cpu/parallel.h"
#include "kernels/batched_nms.h"

#include <array>
#include <vector>

namespace refinemask
{

//! Keep the best boxes of every image, suppressing only within a group.
//!
//! boxes: batch x count x 4, or batch x count x groups x 4 if boxesPerGroup; xyxy.
//! scores: batch x count x groups; count * groups must be below 2^32.
//! The IoU threshold must not be negative. Returns image, box and group of each box that is kept,
//! by image and then by descending score; of equal scores the one that comes first is better.
std::vector<std::array<std::int64_t, 3>> batchedNms(float const* boxes, bool boxesPerGroup,
    float const* scores, std::int64_t batch, std::int64_t count, std::int64_t groups,
    NmsParams const& params, ParallelFor const& parallelFor);

} // namespace refinemask
