// CUDA: places of masks, and tiles of maps at places. See places_threads.h.

#include "cuda/places.h"

#include "cuda/places_threads.h"

#include <algorithm>

namespace refinemask
{

namespace
{

constexpr std::int64_t kMostBlocks = 1 << 20; //!< each takes several shares where there are more

__global__ void __launch_bounds__(kPlaceThreads)
    countPlaces(__grid_constant__ NonZeroArguments const arguments)
{
    __shared__ PlaceCounts shared;
    int const thread = static_cast<int>(threadIdx.x);
    for (std::int64_t block = blockIdx.x; block < arguments.blocks; block += gridDim.x)
    {
        countPixels(arguments, shared, block, thread);
        __syncthreads();
        if (thread == 0)
        {
            arguments.begins[block] = sumBefore(shared, 0);
        }
        __syncthreads();
    }
}

__global__ void __launch_bounds__(kPlaceThreads)
    addCounts(__grid_constant__ NonZeroArguments const arguments)
{
    __shared__ PlaceCounts shared;
    int const thread = static_cast<int>(threadIdx.x);
    countBlocks(arguments, shared, thread);
    __syncthreads();
    if (thread == 0)
    {
        *arguments.numPlaces = static_cast<std::int32_t>(sumBefore(shared, 0));
    }
    __syncthreads();
    placeBlocks(arguments, shared, thread);
}

__global__ void __launch_bounds__(kPlaceThreads)
    writeAllPlaces(__grid_constant__ NonZeroArguments const arguments)
{
    __shared__ PlaceCounts shared;
    int const thread = static_cast<int>(threadIdx.x);
    for (std::int64_t block = blockIdx.x; block < arguments.blocks; block += gridDim.x)
    {
        countPixels(arguments, shared, block, thread);
        __syncthreads();
        if (thread == 0)
        {
            sumBefore(shared, arguments.begins[block]);
        }
        __syncthreads();
        writePlaces(arguments, shared, block, thread);
        __syncthreads();
    }
}

template <typename T, bool kGather>
__global__ void __launch_bounds__(kPlaceThreads)
    moveTiles(__grid_constant__ TileArguments<T> const arguments)
{
    std::int64_t const perBlock = planesPerBlock(arguments.tile);
    for (std::int64_t first = blockIdx.x * perBlock; first < arguments.planes;
        first += gridDim.x * perBlock)
    {
        movePlanes<T, kGather>(arguments, first, static_cast<int>(threadIdx.x));
    }
}

unsigned blocksFor(std::int64_t shares)
{
    return static_cast<unsigned>(std::min(shares, kMostBlocks));
}

template <typename T, bool kGather>
cudaError_t launchMoveTiles(void const* source, void* target, MapsShape const& shape,
    std::int64_t const* places, std::int64_t numPlaces, TileSize const& tile, cudaStream_t stream)
{
    TileArguments<T> const arguments{static_cast<T const*>(source), static_cast<T*>(target), shape,
        places, numPlaces * shape.channels, tile};
    if (arguments.planes == 0 || tileArea(tile) == 0)
    {
        return cudaSuccess;
    }
    std::int64_t const perBlock = planesPerBlock(tile);
    unsigned const blocks = blocksFor((arguments.planes + perBlock - 1) / perBlock);
    moveTiles<T, kGather><<<blocks, kPlaceThreads, 0, stream>>>(arguments);
    return cudaPeekAtLastError();
}

bool isWide(ElementType type)
{
    return type == ElementType::kFLOAT32;
}

} // namespace

std::size_t placesWorkspace(std::int64_t total)
{
    std::int64_t const blocks = (total + kPixelsPerBlock - 1) / kPixelsPerBlock;
    return static_cast<std::size_t>(blocks) * sizeof(std::uint32_t);
}

cudaError_t launchNonZeroPlaces(NonZeroPlacesLaunch const& launch, cudaStream_t stream)
{
    std::int64_t const blocks = (launch.total + kPixelsPerBlock - 1) / kPixelsPerBlock;
    NonZeroArguments const arguments{launch.mask, launch.height, launch.width, launch.total, blocks,
        static_cast<std::uint32_t*>(launch.workspace), launch.places, launch.numPlaces};
    if (blocks > 0)
    {
        countPlaces<<<blocksFor(blocks), kPlaceThreads, 0, stream>>>(arguments);
    }
    addCounts<<<1, kPlaceThreads, 0, stream>>>(arguments);
    if (blocks > 0)
    {
        writeAllPlaces<<<blocksFor(blocks), kPlaceThreads, 0, stream>>>(arguments);
    }
    return cudaPeekAtLastError();
}

cudaError_t launchGatherTiles(GatherTilesLaunch const& launch, cudaStream_t stream)
{
    auto const move = isWide(launch.type) ? &launchMoveTiles<std::uint32_t, true>
                                          : &launchMoveTiles<std::uint16_t, true>;
    return move(launch.maps, launch.tiles, launch.shape, launch.places, launch.numPlaces,
        launch.tile, stream);
}

cudaError_t launchScatterTiles(ScatterTilesLaunch const& launch, cudaStream_t stream)
{
    std::size_t const size = isWide(launch.type) ? sizeof(std::uint32_t) : sizeof(std::uint16_t);
    std::int64_t const elements
        = launch.shape.count * launch.shape.channels * planeOf(launch.shape);
    cudaError_t const cleared = cudaMemsetAsync(launch.maps, 0, elements * size, stream);
    if (cleared != cudaSuccess)
    {
        return cleared;
    }
    auto const move = isWide(launch.type) ? &launchMoveTiles<std::uint32_t, false>
                                          : &launchMoveTiles<std::uint16_t, false>;
    return move(launch.tiles, launch.maps, launch.shape, launch.places, launch.numPlaces,
        launch.tile, stream);
}

} // namespace refinemask
