#include "cuda/batched_nms.h"
#include "cuda/batched_nms_collect_threads.h"
#include "cuda/batched_nms_sort_threads.h"
#include "cuda/batched_nms_suppress_threads.h"
#include "cuda/batched_nms_write_threads.h"
#include "tests/cuda/host_threads.h"

#include <algorithm>
#include <iterator>

namespace refinemask
{

namespace
{

using namespace test;

int blocksFor(std::uint32_t elements, int perBlock)
{
    auto const size = static_cast<std::uint32_t>(perBlock);
    return static_cast<int>((elements + size - 1) / size);
}

void collectCandidates(NmsArguments const& arguments, int block, int image)
{
    auto const shared = makeShared<CollectedBlock>();
    forThreads(kCollectThreads,
        [&](int thread)
        {
            startCollecting(*shared, thread);
        });
    forThreads(kCollectThreads,
        [&](int thread)
        {
            collectScores(arguments, *shared, image, block, thread);
        });
    forThreads(kCollectThreads,
        [&](int thread)
        {
            reserveKeys(arguments, *shared, image, thread);
        });
    forThreads(kCollectThreads,
        [&](int thread)
        {
            storeKeys(arguments, *shared, image, thread);
        });
}

void sortTile(NmsArguments const& arguments, std::uint32_t block, int image)
{
    struct Tile
    {
        NmsKey keys[kTileSize];
    };
    std::uint32_t const candidates = arguments.images[image].candidates;
    std::uint32_t const first = block * kTileSize;
    if (first >= candidates)
    {
        return;
    }
    auto const tile = makeShared<Tile>();
    NmsKey* const keys
        = arguments.keys + static_cast<std::int64_t>(image) * arguments.scoresPerImage + first;
    forThreads(kSortThreads,
        [&](int thread)
        {
            loadTile(tile->keys, keys, candidates - first, thread);
        });
    for (int run = 2; run <= kTileSize; run *= 2)
    {
        for (int stride = run / 2; stride > 0; stride /= 2)
        {
            forThreads(kSortThreads,
                [&](int thread)
                {
                    exchangeKeys(tile->keys, run, stride, thread);
                });
        }
    }
    forThreads(kSortThreads,
        [&](int thread)
        {
            storeTile(tile->keys, keys, candidates - first, thread);
        });
}

NmsKey const* sortCandidates(NmsArguments const& arguments, int batch)
{
    std::uint32_t const scores = arguments.scoresPerImage;
    for (int image = 0; image < batch; ++image)
    {
        forThreads(blocksFor(scores, kTileSize),
            [&](int block)
            {
                sortTile(arguments, static_cast<std::uint32_t>(block), image);
            });
    }
    NmsKey* from = arguments.keys;
    NmsKey* to = arguments.sortedKeys;
    for (std::uint32_t length = kTileSize; length < scores; length *= 2)
    {
        for (int image = 0; image < batch; ++image)
        {
            std::int64_t const start = static_cast<std::int64_t>(image) * scores;
            std::uint32_t const candidates = arguments.images[image].candidates;
            forThreads(static_cast<int>(candidates),
                [&](int index)
                {
                    mergeKey(from + start, to + start, candidates, length,
                        static_cast<std::uint32_t>(index));
                });
        }
        std::swap(from, to);
    }
    return from;
}

//! What __ballot_sync does for each 32 threads of the block.
template <typename Function>
void noteBits(std::uint32_t (&words)[kChunkWords], Function const& bitOf)
{
    std::uint32_t noted[kChunkWords] = {};
    forThreads(kChunkSize,
        [&](int thread)
        {
            noted[thread / kWordBits] |= (bitOf(thread) ? 1U : 0U) << (thread % kWordBits);
        });
    std::copy(std::begin(noted), std::end(noted), std::begin(words));
}

void suppressCandidates(NmsArguments const& arguments, NmsKey const* sorted, int image)
{
    auto const chunk = makeShared<NmsChunk>();
    NmsWalk const walk = startWalk(arguments, sorted, image);
    std::uint32_t numKept = 0;
    for (std::uint32_t first = 0; first < walk.candidates && numKept < arguments.limit;
        first += kChunkSize)
    {
        bool alive[kChunkSize];
        noteBits(chunk->kept[0],
            [&](int thread)
            {
                return alive[thread] = enterChunk(arguments, walk, *chunk, first, numKept, thread);
            });
        forThreads(kChunkSize,
            [&](int thread)
            {
                compareWithin(arguments, walk, *chunk, thread);
            });
        int round = 0;
        bool changed = true;
        while (changed)
        {
            noteBits(chunk->kept[(round + 1) & 1],
                [&](int thread)
                {
                    return staysKept(*chunk, round, alive[thread], thread);
                });
            changed = !std::equal(
                std::begin(chunk->kept[0]), std::end(chunk->kept[0]), std::begin(chunk->kept[1]));
            ++round;
        }
        forThreads(kChunkSize,
            [&](int thread)
            {
                keepCandidate(arguments, walk, *chunk, round, first, numKept, thread);
            });
        numKept = countKept(arguments, *chunk, round, numKept);
    }
    arguments.images[image].kept = numKept;
}

} // namespace

cudaError_t launchBatchedNms(NmsLaunch const& launch, cudaStream_t /*stream*/)
{
    if (launch.batch == 0 || launch.count == 0 || launch.groups == 0)
    {
        *launch.numSelected = 0;
        return cudaSuccess;
    }
    NmsWorkspace const places(launch.batch, launch.count, launch.groups, launch.params);
    NmsArguments const arguments = nmsArguments(launch, places);
    std::memset(launch.workspace, 0xCD, places.size());
    std::memset(launch.workspace, 0, places.cleared);
    auto const batch = static_cast<int>(launch.batch);
    for (int image = 0; image < batch; ++image)
    {
        forThreads(blocksFor(arguments.scoresPerImage, kScoresPerBlock),
            [&](int block)
            {
                collectCandidates(arguments, block, image);
            });
    }
    NmsKey const* const sorted = sortCandidates(arguments, batch);
    forThreads(batch,
        [&](int image)
        {
            suppressCandidates(arguments, sorted, image);
        });
    for (int image = 0; image < batch; ++image)
    {
        forThreads(kWriteThreads,
            [&](int thread)
            {
                writeRows(arguments, batch, image, thread);
            });
    }
    return cudaSuccess;
}

} // namespace refinemask
