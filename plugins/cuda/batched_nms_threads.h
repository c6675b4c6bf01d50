// What the threads of the suppression kernels share. What they do between the barriers of a block
// is in a file for each step, batched_nms_*_threads.h:
//
// 1. collect: scores above the threshold become candidates, in any order; each is a 64-bit key,
//    descending score above ascending index, so that no two are equal and every way to sort them
//    gives the one order. The largest coordinate of each image's candidates is found on the way.
// 2. sort: tiles are sorted in shared memory, then merged two by two. How often depends on how many
//    scores there are, not on how many candidates, which the host does not know; runs without
//    candidates cost next to nothing. (A library's sort asks a GPU how much room it needs, and an
//    engine may be built where there is none.)
// 3. suppress: one block an image walks over its candidates from the best, a chunk at a time. Every
//    thread compares its candidate with all that are kept, and with the better ones of its chunk.
//    Which of a chunk are kept is then found by repetition: one is kept if no better kept one
//    overlaps it. After n rounds the best n are final, mostly all are after a few. It stops when
//    enough are kept.
// 4. write: the kept ones of each image behind those of the images before it.
#pragma once

#include "kernels/batched_nms.h"

namespace refinemask
{

using NmsKey = std::uint64_t;

//! What the kernels find out about an image.
struct NmsImage
{
    std::uint32_t candidates;
    std::uint32_t largest; //!< scoreKey() of the largest coordinate of its candidates; 0 for none
    std::uint32_t kept;
    std::uint32_t unused; //!< makes one 16-byte access of it
};

//! Four coordinates of a box, which lie at a multiple of 16 bytes.
struct alignas(16) Corners
{
    float values[4];
};

struct NmsArguments
{
    float const* boxes;
    float const* scores;
    bool boxesPerGroup;
    std::uint32_t groups;
    std::uint32_t scoresPerImage;
    std::uint32_t limit; //!< the most that are kept of an image
    NmsParams params;
    NmsImage* images;
    NmsKey* keys;
    NmsKey* sortedKeys;
    Corners* keptBoxes;         //!< images x limit, moved apart by group
    std::uint32_t* keptIndices; //!< likewise: which score of the image
    std::int64_t* selected;
    std::int32_t* numSelected;
};

REFINEMASK_HD Corners loadBox(
    NmsArguments const& arguments, std::int64_t image, std::uint32_t index)
{
    std::int64_t const score = image * arguments.scoresPerImage + index;
    std::int64_t const box = arguments.boxesPerGroup ? score : score / arguments.groups;
    return reinterpret_cast<Corners const*>(arguments.boxes)[box];
}

//! Orders coordinates as numbers; NaN, of either sign, is the largest, as it is for a maximum.
REFINEMASK_HD std::uint32_t coordinateKey(float value)
{
    return value == value ? scoreKey(value) : 0xFFFFFFFFU;
}

//! The inverse of coordinateKey().
REFINEMASK_HD float coordinateOfKey(std::uint32_t key)
{
    return bitsToFloat((key & 0x80000000U) != 0U ? key & 0x7FFFFFFFU : ~key);
}

} // namespace refinemask
