// CUDA: greedy non-maximum suppression. See batched_nms_threads.h for how.

#include "cuda/batched_nms.h"

#include "cuda/batched_nms_collect_threads.h"
#include "cuda/batched_nms_sort_threads.h"
#include "cuda/batched_nms_suppress_threads.h"
#include "cuda/batched_nms_write_threads.h"
#include "operators/batched_nms.h"

namespace refinemask
{

namespace
{

static_assert(kLargestNmsBatch <= kLargestGridY);

__global__ void __launch_bounds__(kCollectThreads)
    collectCandidates(__grid_constant__ NmsArguments const arguments)
{
    __shared__ CollectedBlock shared;
    int const thread = static_cast<int>(threadIdx.x);
    int const image = static_cast<int>(blockIdx.y);
    startCollecting(shared, thread);
    __syncthreads();
    collectScores(arguments, shared, image, static_cast<int>(blockIdx.x), thread);
    __syncthreads();
    reserveKeys(arguments, shared, image, thread);
    __syncthreads();
    storeKeys(arguments, shared, image, thread);
}

__global__ void __launch_bounds__(kSortThreads, 1)
    sortTiles(__grid_constant__ NmsArguments const arguments)
{
    __shared__ NmsKey tile[kTileSize];
    int const thread = static_cast<int>(threadIdx.x);
    std::uint32_t const candidates = arguments.images[blockIdx.y].candidates;
    std::uint32_t const first = blockIdx.x * kTileSize;
    if (first >= candidates)
    {
        return;
    }
    NmsKey* const keys
        = arguments.keys + static_cast<std::int64_t>(blockIdx.y) * arguments.scoresPerImage + first;
    loadTile(tile, keys, candidates - first, thread);
    for (int run = 2; run <= kTileSize; run *= 2)
    {
        for (int stride = run / 2; stride > 0; stride /= 2)
        {
            __syncthreads();
            exchangeKeys(tile, run, stride, thread);
        }
    }
    __syncthreads();
    storeTile(tile, keys, candidates - first, thread);
}

__global__ void __launch_bounds__(kMergeThreads)
    mergeRuns(__grid_constant__ NmsArguments const arguments, NmsKey const* from, NmsKey* to,
        std::uint32_t length)
{
    std::uint32_t const candidates = arguments.images[blockIdx.y].candidates;
    std::uint32_t const index = blockIdx.x * kMergeThreads + threadIdx.x;
    if (index < candidates)
    {
        std::int64_t const image = static_cast<std::int64_t>(blockIdx.y) * arguments.scoresPerImage;
        mergeKey(from + image, to + image, candidates, length, index);
    }
}

//! Note `bit` of every thread, of 32 neighbours in a word.
__device__ void noteBits(std::uint32_t (&words)[kChunkWords], bool bit)
{
    std::uint32_t const word = __ballot_sync(0xFFFFFFFFU, bit);
    if (threadIdx.x % kWordBits == 0)
    {
        words[threadIdx.x / kWordBits] = word;
    }
}

__global__ void __launch_bounds__(kChunkSize)
    suppressCandidates(__grid_constant__ NmsArguments const arguments, NmsKey const* sorted)
{
    __shared__ NmsChunk chunk;
    int const thread = static_cast<int>(threadIdx.x);
    NmsWalk const walk = startWalk(arguments, sorted, static_cast<int>(blockIdx.x));
    std::uint32_t numKept = 0;
    for (std::uint32_t first = 0; first < walk.candidates && numKept < arguments.limit;
        first += kChunkSize)
    {
        bool const alive = enterChunk(arguments, walk, chunk, first, numKept, thread);
        noteBits(chunk.kept[0], alive);
        __syncthreads();
        compareWithin(arguments, walk, chunk, thread);
        int round = 0;
        bool changed = true;
        while (changed)
        {
            bool const before
                = (chunk.kept[round & 1][thread / kWordBits] >> (thread % kWordBits) & 1U) != 0U;
            bool const after = staysKept(chunk, round, alive, thread);
            ++round;
            noteBits(chunk.kept[round & 1], after);
            changed = __syncthreads_or(before != after) != 0;
        }
        keepCandidate(arguments, walk, chunk, round, first, numKept, thread);
        numKept = countKept(arguments, chunk, round, numKept);
        __syncthreads();
    }
    if (thread == 0)
    {
        arguments.images[walk.image].kept = numKept;
    }
}

__global__ void __launch_bounds__(kWriteThreads)
    writeSelected(__grid_constant__ NmsArguments const arguments)
{
    writeRows(arguments, static_cast<int>(gridDim.x), static_cast<int>(blockIdx.x),
        static_cast<int>(threadIdx.x));
}

unsigned blocksFor(std::uint32_t elements, int perBlock)
{
    return (elements + static_cast<unsigned>(perBlock) - 1) / static_cast<unsigned>(perBlock);
}

//! Queue the sort of every image's candidates; return which of the two arrays will hold them.
NmsKey const* sortCandidates(NmsArguments const& arguments, unsigned batch, cudaStream_t stream)
{
    std::uint32_t const scores = arguments.scoresPerImage;
    sortTiles<<<dim3(blocksFor(scores, kTileSize), batch), kSortThreads, 0, stream>>>(arguments);
    NmsKey* from = arguments.keys;
    NmsKey* to = arguments.sortedKeys;
    for (std::uint32_t length = kTileSize; length < scores; length *= 2)
    {
        mergeRuns<<<dim3(blocksFor(scores, kMergeThreads), batch), kMergeThreads, 0, stream>>>(
            arguments, from, to, length);
        NmsKey* const sorted = to;
        to = from;
        from = sorted;
    }
    return from;
}

} // namespace

cudaError_t launchBatchedNms(NmsLaunch const& launch, cudaStream_t stream)
{
    if (launch.batch == 0 || launch.count == 0 || launch.groups == 0)
    {
        return cudaMemsetAsync(launch.numSelected, 0, sizeof(*launch.numSelected), stream);
    }
    NmsWorkspace const places(launch.batch, launch.count, launch.groups, launch.params);
    NmsArguments const arguments = nmsArguments(launch, places);
    cudaError_t const cleared = cudaMemsetAsync(launch.workspace, 0, places.cleared, stream);
    if (cleared != cudaSuccess)
    {
        return cleared;
    }
    auto const batch = static_cast<unsigned>(launch.batch);
    dim3 const collectGrid(blocksFor(arguments.scoresPerImage, kScoresPerBlock), batch);
    collectCandidates<<<collectGrid, kCollectThreads, 0, stream>>>(arguments);
    NmsKey const* const sorted = sortCandidates(arguments, batch, stream);
    suppressCandidates<<<batch, kChunkSize, 0, stream>>>(arguments, sorted);
    writeSelected<<<batch, kWriteThreads, 0, stream>>>(arguments);
    return cudaPeekAtLastError();
}

} // namespace refinemask
