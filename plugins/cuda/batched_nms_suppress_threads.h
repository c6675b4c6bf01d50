// Step 3 of BatchedNMS, see batched_nms_threads.h: candidates that better ones overlap are dropped.
#pragma once

#include "cuda/batched_nms_threads.h"

namespace refinemask
{

constexpr int kChunkSize = 512; //!< candidates, and threads, of one step of a walk
constexpr int kWordBits = 32;
constexpr int kChunkWords = kChunkSize / kWordBits;

REFINEMASK_HD int countBits(std::uint32_t bits)
{
#ifdef __CUDA_ARCH__
    return __popc(bits);
#else
    return __builtin_popcount(bits);
#endif
}

REFINEMASK_HD ShiftedBox withArea(Corners const& corners)
{
    float const(&v)[4] = corners.values;
    return ShiftedBox{v[0], v[1], v[2], v[3], (v[2] - v[0]) * (v[3] - v[1])};
}

//! In shared memory: the candidates of one step, from better to worse.
struct NmsChunk
{
    Corners boxes[kChunkSize]; //!< moved; their areas are worked out again, which costs less
    std::uint32_t groups[kChunkSize];
    //! Bit j of word w of candidate i: it is suppressed if candidate 32 w + j is kept.
    std::uint32_t suppressors[kChunkWords][kChunkSize];
    std::uint32_t kept[2][kChunkWords]; //!< a bit a candidate, before and after a round
};

//! What a block knows of its image; the same for all its threads.
struct NmsWalk
{
    std::int64_t image;
    std::uint32_t candidates;
    bool moved;    //!< boxes are moved apart by group
    float largest; //!< coordinate
    NmsKey const* keys;
    Corners* keptBoxes;
    std::uint32_t* keptIndices;
};

REFINEMASK_HD NmsWalk startWalk(NmsArguments const& arguments, NmsKey const* sorted, int image)
{
    NmsImage const& found = arguments.images[image];
    std::int64_t const limit = arguments.limit;
    std::int64_t const maxShifted = arguments.params.maxShifted;
    return NmsWalk{image, found.candidates,
        maxShifted < 0 || static_cast<std::int64_t>(found.candidates) <= maxShifted,
        coordinateOfKey(found.largest),
        sorted + static_cast<std::int64_t>(image) * arguments.scoresPerImage,
        arguments.keptBoxes + image * limit, arguments.keptIndices + image * limit};
}

//! Load the thread's candidate of the chunk; whether there is one that no kept box suppresses.
REFINEMASK_HD bool enterChunk(NmsArguments const& arguments, NmsWalk const& walk, NmsChunk& chunk,
    std::uint32_t firstCandidate, std::uint32_t numKept, int thread)
{
    std::uint32_t const candidate = firstCandidate + static_cast<std::uint32_t>(thread);
    if (candidate >= walk.candidates)
    {
        return false;
    }
    auto const index = static_cast<std::uint32_t>(walk.keys[candidate]);
    std::uint32_t const group = index % arguments.groups;
    Corners const corners = loadBox(arguments, walk.image, index);
    float const shift = walk.moved ? groupShift(group, walk.largest, arguments.params) : 0.F;
    ShiftedBox const box = shiftBox(corners.values, shift);
    chunk.boxes[thread] = Corners{{box.x1, box.y1, box.x2, box.y2}};
    chunk.groups[thread] = group;
    for (std::uint32_t i = 0; i < numKept; ++i)
    {
        // Groups that are not moved apart do not suppress each other.
        bool const apart = !walk.moved && walk.keptIndices[i] % arguments.groups != group;
        if (!apart && overlapsMore(withArea(walk.keptBoxes[i]), box, arguments.params.iouThreshold))
        {
            return false;
        }
    }
    return true;
}

//! Note which better candidates of the chunk would suppress the thread's.
REFINEMASK_HD void compareWithin(
    NmsArguments const& arguments, NmsWalk const& walk, NmsChunk& chunk, int thread)
{
    bool const alive = (chunk.kept[0][thread / kWordBits] >> (thread % kWordBits) & 1U) != 0U;
    // A thread without a candidate has left nothing in its place, and so reads nothing from it.
    ShiftedBox const box = alive ? withArea(chunk.boxes[thread]) : ShiftedBox{};
    for (int word = 0; word < kChunkWords; ++word)
    {
        std::uint32_t suppressors = 0;
        std::uint32_t const others = chunk.kept[0][word];
        for (int bit = 0; alive && bit < kWordBits; ++bit)
        {
            int const other = word * kWordBits + bit;
            if (other < thread && (others >> bit & 1U) != 0U
                && (walk.moved || chunk.groups[other] == chunk.groups[thread])
                && overlapsMore(withArea(chunk.boxes[other]), box, arguments.params.iouThreshold))
            {
                suppressors |= 1U << bit;
            }
        }
        chunk.suppressors[word][thread] = suppressors;
    }
}

//! Whether the thread's candidate, if it is `alive`, is kept in the next round.
REFINEMASK_HD bool staysKept(NmsChunk const& chunk, int round, bool alive, int thread)
{
    std::uint32_t suppressed = 0;
    for (int word = 0; word < kChunkWords; ++word)
    {
        suppressed |= chunk.suppressors[word][thread] & chunk.kept[round & 1][word];
    }
    return alive && suppressed == 0U;
}

//! Put the thread's candidate, if it is kept, behind the boxes kept so far, while there is room.
REFINEMASK_HD void keepCandidate(NmsArguments const& arguments, NmsWalk const& walk,
    NmsChunk const& chunk, int round, std::uint32_t firstCandidate, std::uint32_t numKept,
    int thread)
{
    std::uint32_t const* const kept = chunk.kept[round & 1];
    int const own = thread / kWordBits;
    std::uint32_t const bit = 1U << (thread % kWordBits);
    if ((kept[own] & bit) == 0U)
    {
        return;
    }
    std::uint32_t place = numKept + countBits(kept[own] & (bit - 1U));
    for (int word = 0; word < own; ++word)
    {
        place += countBits(kept[word]);
    }
    if (place < arguments.limit)
    {
        walk.keptBoxes[place] = chunk.boxes[thread];
        walk.keptIndices[place] = static_cast<std::uint32_t>(walk.keys[firstCandidate + thread]);
    }
}

REFINEMASK_HD std::uint32_t countKept(
    NmsArguments const& arguments, NmsChunk const& chunk, int round, std::uint32_t numKept)
{
    for (std::uint32_t const word : chunk.kept[round & 1])
    {
        numKept += countBits(word);
    }
    return numKept < arguments.limit ? numKept : arguments.limit;
}

} // namespace refinemask
