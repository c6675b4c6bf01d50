// What the threads of the suppression kernels do, between the barriers of a block.
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

constexpr NmsKey kNoKey = ~NmsKey{0}; //!< behind all candidates
constexpr int kCollectThreads = 256;
constexpr int kScoresPerThread = 4;
constexpr int kScoresPerBlock = kCollectThreads * kScoresPerThread;
constexpr int kSortThreads = 1024;
constexpr int kTileSize = 2 * kSortThreads;
constexpr int kMergeThreads = 256;
constexpr int kChunkSize = 512; //!< candidates, and threads, of one step of a walk
constexpr int kWordBits = 32;
constexpr int kChunkWords = kChunkSize / kWordBits;
constexpr int kWriteThreads = 256;

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

REFINEMASK_HD std::uint32_t atomicIncrease(std::uint32_t* value, std::uint32_t by)
{
#ifdef __CUDA_ARCH__
    return atomicAdd(value, by);
#else
    std::uint32_t const before = *value;
    *value += by;
    return before;
#endif
}

REFINEMASK_HD void atomicRaise(std::uint32_t* value, std::uint32_t to)
{
#ifdef __CUDA_ARCH__
    atomicMax(value, to);
#else
    *value = *value > to ? *value : to;
#endif
}

REFINEMASK_HD int countBits(std::uint32_t bits)
{
#ifdef __CUDA_ARCH__
    return __popc(bits);
#else
    return __builtin_popcount(bits);
#endif
}

REFINEMASK_HD Corners loadBox(
    NmsArguments const& arguments, std::int64_t image, std::uint32_t index)
{
    std::int64_t const score = image * arguments.scoresPerImage + index;
    std::int64_t const box = arguments.boxesPerGroup ? score : score / arguments.groups;
    return reinterpret_cast<Corners const*>(arguments.boxes)[box];
}

REFINEMASK_HD ShiftedBox withArea(Corners const& corners)
{
    float const(&v)[4] = corners.values;
    return ShiftedBox{v[0], v[1], v[2], v[3], (v[2] - v[0]) * (v[3] - v[1])};
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

// --- Collect ------------------------------------------------------------------------------------

//! In shared memory: the candidates of one block, and where in the image's keys they go.
struct CollectedBlock
{
    std::uint32_t count;
    std::uint32_t largest;
    std::uint32_t first;
    NmsKey keys[kScoresPerBlock];
};

REFINEMASK_HD void startCollecting(CollectedBlock& shared, int thread)
{
    if (thread == 0)
    {
        shared.count = 0;
        shared.largest = 0;
        shared.first = 0;
    }
}

REFINEMASK_HD void collectScores(
    NmsArguments const& arguments, CollectedBlock& shared, int image, int block, int thread)
{
    std::int64_t const imageScores = static_cast<std::int64_t>(image) * arguments.scoresPerImage;
    std::uint32_t largest = 0;
    for (int i = 0; i < kScoresPerThread; ++i)
    {
        std::uint32_t const index = static_cast<std::uint32_t>(block) * kScoresPerBlock
            + static_cast<std::uint32_t>(i * kCollectThreads + thread);
        if (index >= arguments.scoresPerImage)
        {
            break;
        }
        float const score = arguments.scores[imageScores + index];
        if (score > arguments.params.scoreThreshold)
        {
            Corners const box = loadBox(arguments, image, index);
            for (float const value : box.values)
            {
                std::uint32_t const key = coordinateKey(value);
                largest = largest > key ? largest : key;
            }
            NmsKey const descending = ~scoreKey(score);
            shared.keys[atomicIncrease(&shared.count, 1)] = descending << 32 | index;
        }
    }
    if (largest != 0U)
    {
        atomicRaise(&shared.largest, largest);
    }
}

REFINEMASK_HD void reserveKeys(
    NmsArguments const& arguments, CollectedBlock& shared, int image, int thread)
{
    if (thread == 0 && shared.count > 0U)
    {
        shared.first = atomicIncrease(&arguments.images[image].candidates, shared.count);
        atomicRaise(&arguments.images[image].largest, shared.largest);
    }
}

REFINEMASK_HD void storeKeys(
    NmsArguments const& arguments, CollectedBlock const& shared, int image, int thread)
{
    NmsKey* const keys = arguments.keys
        + static_cast<std::int64_t>(image) * arguments.scoresPerImage + shared.first;
    for (std::uint32_t i = thread; i < shared.count; i += kCollectThreads)
    {
        keys[i] = shared.keys[i];
    }
}

// --- Sort ---------------------------------------------------------------------------------------

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

// --- Suppress -----------------------------------------------------------------------------------

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

// --- Write --------------------------------------------------------------------------------------

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
