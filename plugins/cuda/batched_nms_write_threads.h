// Step 4 of BatchedNMS, see batched_nms_threads.h: the rows of the output.
#pragma once

#include "cuda/batched_nms_threads.h"

namespace refinemask
{

constexpr int kWriteThreads = 256;

//! A thread's share of an image's rows; the last image's also say how many there are in all.
REFINEMASK_HD void writeRows(NmsArguments const& arguments, int numImages, int image, int thread)
{
    std::int64_t first = 0;
    for (int before = 0; before < image; ++before)
    {
        first += arguments.images[before].kept;
    }
    std::uint32_t const kept = arguments.images[image].kept;
    std::uint32_t const* const indices
        = arguments.keptIndices + static_cast<std::int64_t>(image) * arguments.limit;
    for (std::uint32_t i = thread; i < kept; i += kWriteThreads)
    {
        std::int64_t* const row = arguments.selected + (first + i) * 3;
        row[0] = image;
        row[1] = indices[i] / arguments.groups;
        row[2] = indices[i] % arguments.groups;
    }
    if (image == numImages - 1 && thread == 0)
    {
        *arguments.numSelected = static_cast<std::int32_t>(first + kept);
    }
}

} // namespace refinemask
