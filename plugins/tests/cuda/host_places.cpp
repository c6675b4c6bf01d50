#include "cuda/places.h"
#include "cuda/places_threads.h"
#include "tests/cuda/host_threads.h"

#include <algorithm>

namespace refinemask
{

namespace
{

using namespace test;

//! The part of both kernels up to the barrier after the sum.
std::uint32_t countBlock(NonZeroArguments const& arguments, PlaceCounts& shared, std::int64_t block,
    std::uint32_t before)
{
    forThreads(kPlaceThreads,
        [&](int thread)
        {
            countPixels(arguments, shared, block, thread);
        });
    return sumBefore(shared, before);
}

template <typename T, bool kGather>
void moveTiles(TileArguments<T> const& arguments)
{
    if (tileArea(arguments.tile) == 0)
    {
        return;
    }
    for (std::int64_t first = 0; first < arguments.planes; first += planesPerBlock(arguments.tile))
    {
        forThreads(kPlaceThreads,
            [&](int thread)
            {
                movePlanes<T, kGather>(arguments, first, thread);
            });
    }
}

template <bool kGather>
void moveTiles(ElementType type, void const* source, void* target, MapsShape const& shape,
    std::int64_t const* places, std::int64_t numPlaces, TileSize const& tile)
{
    std::int64_t const planes = numPlaces * shape.channels;
    if (type == ElementType::kFLOAT32)
    {
        moveTiles<std::uint32_t, kGather>({static_cast<std::uint32_t const*>(source),
            static_cast<std::uint32_t*>(target), shape, places, planes, tile});
    }
    else
    {
        moveTiles<std::uint16_t, kGather>({static_cast<std::uint16_t const*>(source),
            static_cast<std::uint16_t*>(target), shape, places, planes, tile});
    }
}

} // namespace

std::size_t placesWorkspace(std::int64_t total)
{
    return static_cast<std::size_t>((total + kPixelsPerBlock - 1) / kPixelsPerBlock)
        * sizeof(std::uint32_t);
}

cudaError_t launchNonZeroPlaces(NonZeroPlacesLaunch const& launch, cudaStream_t /*stream*/)
{
    std::int64_t const blocks = (launch.total + kPixelsPerBlock - 1) / kPixelsPerBlock;
    NonZeroArguments const arguments{launch.mask, launch.height, launch.width, launch.total, blocks,
        static_cast<std::uint32_t*>(launch.workspace), launch.places, launch.numPlaces};
    auto const shared = makeShared<PlaceCounts>();
    for (std::int64_t block = 0; block < blocks; ++block)
    {
        arguments.begins[block] = countBlock(arguments, *shared, block, 0);
    }
    forThreads(kPlaceThreads,
        [&](int thread)
        {
            countBlocks(arguments, *shared, thread);
        });
    *arguments.numPlaces = static_cast<std::int32_t>(sumBefore(*shared, 0));
    forThreads(kPlaceThreads,
        [&](int thread)
        {
            placeBlocks(arguments, *shared, thread);
        });
    for (std::int64_t block = 0; block < blocks; ++block)
    {
        countBlock(arguments, *shared, block, arguments.begins[block]);
        forThreads(kPlaceThreads,
            [&](int thread)
            {
                writePlaces(arguments, *shared, block, thread);
            });
    }
    return cudaSuccess;
}

cudaError_t launchGatherTiles(GatherTilesLaunch const& launch, cudaStream_t /*stream*/)
{
    moveTiles<true>(launch.type, launch.maps, launch.tiles, launch.shape, launch.places,
        launch.numPlaces, launch.tile);
    return cudaSuccess;
}

cudaError_t launchScatterTiles(ScatterTilesLaunch const& launch, cudaStream_t /*stream*/)
{
    std::int64_t const size = launch.type == ElementType::kFLOAT32 ? 4 : 2;
    std::int64_t const maps = launch.shape.count * launch.shape.channels;
    std::fill_n(static_cast<char*>(launch.maps), maps * planeOf(launch.shape) * size, char{0});
    moveTiles<false>(launch.type, launch.tiles, launch.maps, launch.shape, launch.places,
        launch.numPlaces, launch.tile);
    return cudaSuccess;
}

} // namespace refinemask
