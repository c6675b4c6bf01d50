// Step 2 of BatchedNMS, see batched_nms_threads.h: candidates are put in order.
#pragma once

#include "cuda/batched_nms_threads.h"

namespace refinemask
{

constexpr NmsKey kNoKey = ~NmsKey{0}; //!< behind all candidates
constexpr int kSortThreads = 1024;
constexpr int kTileSize = 2 * kSortThreads;
constexpr int kMergeThreads = 256;

//! Copy a tile of `count` keys into shared memory, or back.
REFINEMASK_HD void loadTile(
    NmsKey (&tile)[kTileSize], NmsKey const* keys, std::uint32_t count, int thread)
{
    for (int i = thread; i < kTileSize; i += kSortThreads)
    {
        tile[i] = static_cast<std::uint32_t>(i) < count ? keys[i] : kNoKey;
    }
}

REFINEMASK_HD void storeTile(
    NmsKey const (&tile)[kTileSize], NmsKey* keys, std::uint32_t count, int thread)
{
    for (int i = thread; i < kTileSize && static_cast<std::uint32_t>(i) < count; i += kSortThreads)
    {
        keys[i] = tile[i];
    }
}

//! One step of the bitonic sort: every thread puts two keys, `stride` apart, in order.
REFINEMASK_HD void exchangeKeys(NmsKey (&tile)[kTileSize], int run, int stride, int thread)
{
    int const low = 2 * thread - (thread & (stride - 1));
    int const high = low + stride;
    bool const ascending = (low & run) == 0;
    NmsKey const a = tile[low];
    NmsKey const b = tile[high];
    if ((a > b) == ascending)
    {
        tile[low] = b;
        tile[high] = a;
    }
}

//! How many of `count` sorted keys are below `key`.
REFINEMASK_HD std::uint32_t countBelow(NmsKey const* keys, std::uint32_t count, NmsKey key)
{
    std::uint32_t first = 0;
    while (count > 0)
    {
        std::uint32_t const half = count / 2;
        bool const below = keys[first + half] < key;
        first += below ? half + 1 : 0;
        count = below ? count - half - 1 : half;
    }
    return first;
}

//! Move key `index` to its place in the union of its run of `length` keys and the run beside it.
REFINEMASK_HD void mergeKey(
    NmsKey const* from, NmsKey* to, std::uint32_t count, std::uint32_t length, std::uint32_t index)
{
    std::uint32_t const run = index / length;
    std::uint32_t const start = (run & ~1U) * length; // of the union
    std::uint32_t const own = run * length;
    std::uint32_t const other = (run ^ 1U) * length;
    std::uint32_t const present = other < count ? count - other : 0U;
    std::uint32_t const otherLength = present < length ? present : length;
    std::uint32_t const before = countBelow(from + other, otherLength, from[index]);
    to[start + (index - own) + before] = from[index];
}

} // namespace refinemask
