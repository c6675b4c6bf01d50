// The launch functions of the CUDA kernels, on the processor: what their threads do between two
// barriers (cuda/*_threads.h) is called for one thread after the other. Shared memory and the
// workspace start as rubbish, as they do on a GPU.
#include "tests/cuda/host_launch.h"

#include "cuda/batched_nms.h"
#include "cuda/boundary_refine.h"
#include "cuda/boundary_refine_threads.h"
#include "cuda/multiscale_roi_align.h"
#include "cuda/multiscale_roi_align_channels_last_threads.h"
#include "cuda/multiscale_roi_align_threads.h"
#include "cuda/paste_masks.h"
#include "cuda/paste_masks_threads.h"
#include "tests/cuda/bfloat16.h"

#include <memory>
#include <vector>

namespace refinemask
{

namespace
{

test::ThreadOrder gOrder = test::ThreadOrder::kFORWARD;

template <typename Function>
void forThreads(int count, Function const& function)
{
    for (int i = 0; i < count; ++i)
    {
        function(gOrder == test::ThreadOrder::kFORWARD ? i : count - 1 - i);
    }
}

template <typename Shared>
std::unique_ptr<Shared> makeShared()
{
    auto shared = std::make_unique<Shared>();
    std::memset(static_cast<void*>(shared.get()), 0xCD, sizeof(Shared));
    return shared;
}

template <typename T>
struct TypeTag
{
    using Type = T;
};

template <typename Function>
cudaError_t withElementType(ElementType type, Function const& function)
{
    switch (type)
    {
    case ElementType::kFLOAT32:
        function(TypeTag<float>{});
        break;
    case ElementType::kFLOAT16:
        function(TypeTag<Half>{});
        break;
    case ElementType::kBFLOAT16:
        function(TypeTag<Bfloat16>{});
        break;
    }
    return cudaSuccess;
}

//! What comes before and after the barrier, block after block.
template <typename T, typename Function>
void forSlabsOfRoIs(
    RoIAlignArguments<T> const& arguments, std::int64_t numRois, int channels, Function const& pool)
{
    int const slabs = (channels + kChannelsPerBlock - 1) / kChannelsPerBlock;
    for (std::int64_t index = 0; index < numRois; ++index)
    {
        for (int slab = 0; slab < slabs; ++slab)
        {
            auto const taps = makeShared<RoITaps>();
            PooledRoI<T> const roi = readRoI(arguments, index);
            forThreads(kRoIAlignThreads,
                [&](int thread)
                {
                    tabulateRoI(*taps, roi, arguments.params.outputSize, thread);
                });
            forThreads(kRoIAlignThreads,
                [&](int thread)
                {
                    pool(*taps, roi, index, slab, thread);
                });
        }
    }
}

template <int kCount, typename T>
void poolRoIsChannelsLast(ChannelsLastArguments<T> const& arguments, std::int64_t numRois)
{
    forSlabsOfRoIs(arguments.common, numRois, arguments.cellStride,
        [&](RoITaps const& taps, PooledRoI<T> const& roi, std::int64_t index, int slab, int thread)
        {
            poolCells<kCount>(arguments, taps, roi, index, slab, thread);
        });
}

template <typename T>
void poolRoIs(RoIAlignLaunch const& launch)
{
    RoIAlignArguments<T> arguments{launch.rois, {}, launch.batch, launch.channels, launch.params,
        static_cast<T*>(launch.output)};
    for (int level = 0; level < launch.params.numLevels; ++level)
    {
        FeatureMap const& map = launch.levels[level];
        arguments.levels[level]
            = FeatureLevel<T>{static_cast<T const*>(map.data), map.height, map.width};
    }
    if (launch.cellStride == 0)
    {
        forSlabsOfRoIs(arguments, launch.numRois, launch.channels,
            [&](RoITaps const& taps, PooledRoI<T> const& roi, std::int64_t index, int slab,
                int thread)
            {
                poolBins(arguments, taps, roi, index, slab, thread);
            });
        return;
    }
    ChannelsLastArguments<T> const channelsLast{arguments, launch.cellStride};
    if (hasAlignedCells(channelsLast))
    {
        poolRoIsChannelsLast<kPerAccess<T>>(channelsLast, launch.numRois);
    }
    else
    {
        poolRoIsChannelsLast<1>(channelsLast, launch.numRois);
    }
}

template <typename T, int kCount>
void refineMasks(BoundaryRefineArguments<T> const& arguments, std::int64_t count)
{
    int const bands = (2 * arguments.coarseSize + kBandRows - 1) / kBandRows;
    for (std::int64_t mask = 0; mask < count; ++mask)
    {
        for (int band = 0; band < bands; ++band)
        {
            std::vector<std::uint8_t> interior(
                static_cast<std::size_t>(kBandCoarseRows * arguments.coarseSize), 0xCD);
            forThreads(kRefineThreads,
                [&](int thread)
                {
                    markInterior(arguments, interior.data(), mask, band, thread);
                });
            forThreads(kRefineThreads,
                [&](int thread)
                {
                    refineBand<T, kCount>(arguments, interior.data(), mask, band, thread);
                });
        }
    }
}

template <typename T>
void pasteWindows(PasteMasksLaunch const& launch)
{
    PasteMasksArguments<T> const arguments{static_cast<T const*>(launch.masks), launch.boxes,
        launch.output, launch.maskSize, launch.height, launch.width, launch.threshold};
    std::int64_t const bands = (launch.height + kPasteRows - 1) / kPasteRows;
    for (std::int64_t mask = 0; mask < launch.count; ++mask)
    {
        for (int index = 0; index < bands; ++index)
        {
            float const* const box = arguments.boxes + mask * 4;
            PasteWindow const band = pasteBand(arguments, box, index);
            if (band.first >= band.last)
            {
                continue;
            }
            struct Taps
            {
                PasteTap rows[kPasteRows];
            };
            auto const taps = makeShared<Taps>();
            forThreads(kPasteThreads,
                [&](int thread)
                {
                    tabulateRows(arguments, taps->rows, band, box, thread);
                });
            forThreads(kPasteThreads,
                [&](int thread)
                {
                    pasteColumns(arguments, taps->rows, band, box, mask, thread);
                });
        }
    }
}

// --- BatchedNMS ---------------------------------------------------------------------------------

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

void test::setThreadOrder(ThreadOrder order)
{
    gOrder = order;
}

cudaError_t launchMultiScaleRoIAlign(RoIAlignLaunch const& launch, cudaStream_t /*stream*/)
{
    return withElementType(launch.type,
        [&](auto tag)
        {
            poolRoIs<typename decltype(tag)::Type>(launch);
        });
}

cudaError_t launchBoundaryRefine(BoundaryRefineLaunch const& launch, cudaStream_t /*stream*/)
{
    return withElementType(launch.type,
        [&](auto tag)
        {
            using T = typename decltype(tag)::Type;
            BoundaryRefineArguments<T> const arguments{static_cast<T const*>(launch.coarse),
                static_cast<T const*>(launch.fine), static_cast<T*>(launch.output),
                launch.coarseSize, launch.width, refineScale(launch.coarseSize)};
            constexpr int kPerAccess = 16 / sizeof(T);
            if (2 * launch.coarseSize % kPerAccess == 0)
            {
                refineMasks<T, kPerAccess>(arguments, launch.count);
            }
            else
            {
                refineMasks<T, 1>(arguments, launch.count);
            }
        });
}

cudaError_t launchPasteMasks(PasteMasksLaunch const& launch, cudaStream_t /*stream*/)
{
    std::fill_n(launch.output, launch.count * launch.height * launch.width, std::uint8_t{0});
    return withElementType(launch.type,
        [&](auto tag)
        {
            pasteWindows<typename decltype(tag)::Type>(launch);
        });
}

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
