// What the threads of the kernels of places do, before and after their barriers.
//
// NonZeroPlaces counts, in three kernels: every block its own pixels; one block what lies before
// each of them; then every block, knowing where it begins, writes its places in their order.
// GatherTiles and ScatterTiles move planes, a tile's pixels of one channel each.
#pragma once

#include "kernels/places.h"

namespace refinemask
{

constexpr int kPlaceThreads = 256;
constexpr int kPixelsPerThread = 4; //!< neighbours
constexpr int kPixelsPerBlock = kPlaceThreads * kPixelsPerThread;

struct NonZeroArguments
{
    float const* mask;
    std::int64_t height;
    std::int64_t width;
    std::int64_t total;
    std::int64_t blocks;
    std::uint32_t* begins; //!< of each block: how many places it has, then how many are before it
    std::int64_t* places;
    std::int32_t* numPlaces;
};

//! In shared memory: a number of each thread.
struct PlaceCounts
{
    std::uint32_t values[kPlaceThreads];
};

REFINEMASK_HD std::int64_t firstPixel(std::int64_t block, int thread)
{
    return block * kPixelsPerBlock + static_cast<std::int64_t>(thread) * kPixelsPerThread;
}

REFINEMASK_HD void countPixels(
    NonZeroArguments const& arguments, PlaceCounts& shared, std::int64_t block, int thread)
{
    std::int64_t const first = firstPixel(block, thread);
    std::uint32_t count = 0;
    for (std::int64_t i = first; i < first + kPixelsPerThread && i < arguments.total; ++i)
    {
        count += arguments.mask[i] != 0.F ? 1U : 0U;
    }
    shared.values[thread] = count;
}

//! By one thread after a barrier: from counts to what lies before each, beginning with `before`.
//! Returns the sum of all.
REFINEMASK_HD std::uint32_t sumBefore(PlaceCounts& shared, std::uint32_t before)
{
    for (std::uint32_t& value : shared.values)
    {
        std::uint32_t const count = value;
        value = before;
        before += count;
    }
    return before;
}

struct BlockRange
{
    std::int64_t first;
    std::int64_t last;
};

//! The blocks whose counts a thread of the second kernel adds up.
REFINEMASK_HD BlockRange blocksOf(NonZeroArguments const& arguments, int thread)
{
    std::int64_t const each = (arguments.blocks + kPlaceThreads - 1) / kPlaceThreads;
    std::int64_t const first = each * thread;
    std::int64_t const last = first + each;
    return BlockRange{first, last < arguments.blocks ? last : arguments.blocks};
}

REFINEMASK_HD void countBlocks(NonZeroArguments const& arguments, PlaceCounts& shared, int thread)
{
    BlockRange const range = blocksOf(arguments, thread);
    std::uint32_t count = 0;
    for (std::int64_t block = range.first; block < range.last; ++block)
    {
        count += arguments.begins[block];
    }
    shared.values[thread] = count;
}

REFINEMASK_HD void placeBlocks(
    NonZeroArguments const& arguments, PlaceCounts const& shared, int thread)
{
    BlockRange const range = blocksOf(arguments, thread);
    std::uint32_t before = shared.values[thread];
    for (std::int64_t block = range.first; block < range.last; ++block)
    {
        std::uint32_t const count = arguments.begins[block];
        arguments.begins[block] = before;
        before += count;
    }
}

REFINEMASK_HD void writePlaces(
    NonZeroArguments const& arguments, PlaceCounts const& shared, std::int64_t block, int thread)
{
    std::int64_t const first = firstPixel(block, thread);
    std::int64_t* target = arguments.places + 3 * static_cast<std::int64_t>(shared.values[thread]);
    for (std::int64_t i = first; i < first + kPixelsPerThread && i < arguments.total; ++i)
    {
        if (arguments.mask[i] != 0.F)
        {
            std::int64_t const row = i / arguments.width;
            *target++ = row / arguments.height;
            *target++ = row % arguments.height;
            *target++ = i % arguments.width;
        }
    }
}

//! T is an unsigned integer of the elements' size.
template <typename T>
struct TileArguments
{
    T const* source;
    T* target;
    MapsShape shape; //!< of the maps
    std::int64_t const* places;
    std::int64_t planes; //!< places x channels
    TileSize tile;
};

//! The pixel of the maps that is pixel `index` of a plane of the tiles, or kOutside.
template <typename T>
REFINEMASK_HD std::int64_t mapPixel(
    TileArguments<T> const& arguments, std::int64_t plane, int index)
{
    MapsShape const& shape = arguments.shape;
    std::int64_t const* const place = arguments.places + 3 * (plane / shape.channels);
    PlaceAxis const rows = tileRows(arguments.tile);
    PlaceAxis const columns = tileColumns(arguments.tile);
    int const width = static_cast<int>(columns.count);
    std::int64_t const y = pixelAt(rows, place[1], index / width, shape.height);
    std::int64_t const x = pixelAt(columns, place[2], index % width, shape.width);
    if (!isMap(shape, place[0]) || y == kOutside || x == kOutside)
    {
        return kOutside;
    }
    std::int64_t const channel = place[0] * shape.channels + plane % shape.channels;
    return (channel * shape.height + y) * shape.width + x;
}

REFINEMASK_HD int tileArea(TileSize const& tile)
{
    return static_cast<int>(tileRows(tile).count * tileColumns(tile).count);
}

//! Planes that a block moves at a time: several, where they are small.
REFINEMASK_HD int planesPerBlock(TileSize const& tile)
{
    int const area = tileArea(tile);
    return area < kPlaceThreads ? kPlaceThreads / area : 1;
}

//! Move a thread's share of planes: out of the maps, or into them.
template <typename T, bool kGather>
REFINEMASK_HD void movePlanes(
    TileArguments<T> const& arguments, std::int64_t firstPlane, int thread)
{
    int const area = tileArea(arguments.tile);
    int const count = planesPerBlock(arguments.tile) * area;
    for (int i = thread; i < count; i += kPlaceThreads)
    {
        std::int64_t const plane = firstPlane + i / area;
        if (plane >= arguments.planes)
        {
            return;
        }
        int const index = i % area;
        std::int64_t const tilePixel = plane * area + index;
        std::int64_t const pixel = mapPixel(arguments, plane, index);
        if (kGather)
        {
            arguments.target[tilePixel] = pixel == kOutside ? T{0} : arguments.source[pixel];
        }
        else if (pixel != kOutside)
        {
            arguments.target[pixel] = arguments.source[tilePixel];
        }
    }
}

} // namespace refinemask
