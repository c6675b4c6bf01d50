// Bilinear resizing of images, bit for bit as OpenCV's INTER_LINEAR for 8 bits (numerics 1.1).
#pragma once

#include "cpu/parallel.h"
#include "image/image.h"

namespace refinemask
{

//! Tasks of resizing that are worth a thread: some 0.1 ms, against which its start is little.
constexpr std::int64_t kResizeTasksPerThread = 3;

//! Fill `target`, which is RGB, from a source of any format, or a grey target from a grey source;
//! they share no memory. Throws std::invalid_argument for images that checkImage() refuses and for
//! other target formats.
void resizeBilinear(
    ImageView const& source, MutableImageView const& target, ParallelFor const& parallelFor);

} // namespace refinemask
