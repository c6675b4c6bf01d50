#include "cpu/places.h"

#include <algorithm>
#include <cstddef>
#include <numeric>

namespace refinemask
{

namespace
{

constexpr std::int64_t kElementsPerTask = 1 << 15;

//! The rows or columns of a tile that lie inside of its map.
struct Inside
{
    std::int64_t first;
    std::int64_t count;
    std::int64_t pixel; //!< of the map, where the first is
};

Inside insideOf(PlaceAxis const& axis, std::int64_t place, std::int64_t length)
{
    Inside inside{0, 0, kOutside};
    for (std::int64_t index = 0; index < axis.count; ++index)
    {
        std::int64_t const pixel = pixelAt(axis, place, index, length);
        if (pixel != kOutside && inside.count++ == 0)
        {
            inside.first = index;
            inside.pixel = pixel;
        }
    }
    return inside;
}

template <typename T>
void gatherTile(T const* maps, MapsShape const& shape, std::int64_t const* place,
    TileSize const& tile, T* target)
{
    PlaceAxis const rows = tileRows(tile);
    PlaceAxis const columns = tileColumns(tile);
    Inside const y = insideOf(rows, place[1], shape.height);
    Inside const x = insideOf(columns, place[2], shape.width);
    if (!isMap(shape, place[0]) || y.count == 0 || x.count == 0)
    {
        std::fill_n(target, shape.channels * rows.count * columns.count, T{0});
        return;
    }
    for (std::int64_t channel = 0; channel < shape.channels; ++channel)
    {
        T const* source = maps + (place[0] * shape.channels + channel) * planeOf(shape)
            + y.pixel * shape.width + x.pixel;
        target = std::fill_n(target, y.first * columns.count, T{0});
        for (std::int64_t row = 0; row < y.count; ++row, source += shape.width)
        {
            target = std::fill_n(target, x.first, T{0});
            target = std::copy_n(source, x.count, target);
            target = std::fill_n(target, columns.count - x.first - x.count, T{0});
        }
        target = std::fill_n(target, (rows.count - y.first - y.count) * columns.count, T{0});
    }
}

//! Put one channel of a tile into its map.
template <typename T>
void scatterTile(
    T const* tile, TileSize const& size, std::int64_t const* place, MapsShape const& shape, T* map)
{
    Inside const y = insideOf(tileRows(size), place[1], shape.height);
    Inside const x = insideOf(tileColumns(size), place[2], shape.width);
    for (std::int64_t row = 0; row < y.count && x.count > 0; ++row)
    {
        std::copy_n(
            tile + row * size.width, x.count, map + (y.pixel + row) * shape.width + x.pixel);
    }
}

//! The places of each map, in their order.
class PlacesByMap
{
public:
    PlacesByMap(std::int64_t const* places, std::int64_t numPlaces, MapsShape const& shape)
        : mBegins(static_cast<std::size_t>(shape.count) + 1)
    {
        for (std::int64_t place = 0; place < numPlaces; ++place)
        {
            std::int64_t const map = places[3 * place];
            if (isMap(shape, map))
            {
                ++mBegins[map + 1];
            }
        }
        std::partial_sum(mBegins.begin(), mBegins.end(), mBegins.begin());
        mPlaces.resize(static_cast<std::size_t>(mBegins.back()));
        std::vector<std::int64_t> next(mBegins);
        for (std::int64_t place = 0; place < numPlaces; ++place)
        {
            std::int64_t const map = places[3 * place];
            if (isMap(shape, map))
            {
                mPlaces[next[map]++] = place;
            }
        }
    }

    //! Call `body` with the number of each place of a map.
    template <typename Body>
    void forEach(std::int64_t map, Body const& body) const
    {
        std::for_each(mPlaces.data() + mBegins[map], mPlaces.data() + mBegins[map + 1], body);
    }

private:
    std::vector<std::int64_t> mBegins; //!< of each map's places
    std::vector<std::int64_t> mPlaces;
};

} // namespace

std::vector<Place> nonZeroPlaces(
    float const* mask, std::int64_t count, std::int64_t height, std::int64_t width)
{
    std::vector<Place> places;
    for (std::int64_t map = 0; map < count; ++map)
    {
        for (std::int64_t row = 0; row < height; ++row)
        {
            for (std::int64_t column = 0; column < width; ++column)
            {
                if (*mask++ != 0.F)
                {
                    places.push_back({map, row, column});
                }
            }
        }
    }
    return places;
}

template <typename T>
void gatherTiles(T const* maps, MapsShape const& shape, std::int64_t const* places,
    std::int64_t numPlaces, TileSize const& tile, T* tiles, ParallelFor const& parallelFor)
{
    std::int64_t const elements = shape.channels * tileRows(tile).count * tileColumns(tile).count;
    std::int64_t const perTask = std::max<std::int64_t>(1, kElementsPerTask / (elements + 1));
    parallelFor(divideUp(numPlaces, perTask),
        [&](std::int64_t task)
        {
            std::int64_t const end = std::min((task + 1) * perTask, numPlaces);
            for (std::int64_t place = task * perTask; place < end; ++place)
            {
                gatherTile(maps, shape, places + 3 * place, tile, tiles + place * elements);
            }
        });
}

template <typename T>
void scatterTiles(T const* tiles, TileSize const& tile, std::int64_t const* places,
    std::int64_t numPlaces, MapsShape const& shape, T* maps, ParallelFor const& parallelFor)
{
    PlacesByMap const byMap(places, numPlaces, shape);
    std::int64_t const area = tile.height * tile.width;
    parallelFor(shape.count * shape.channels,
        [&](std::int64_t task)
        {
            std::int64_t const channel = task % shape.channels;
            T* const map = maps + task * planeOf(shape);
            std::fill_n(map, planeOf(shape), T{0});
            byMap.forEach(task / shape.channels,
                [&](std::int64_t place)
                {
                    scatterTile(tiles + (place * shape.channels + channel) * area, tile,
                        places + 3 * place, shape, map);
                });
        });
}

#define REFINEMASK_INSTANTIATE(T)                                                                  \
    template void gatherTiles<T>(T const*, MapsShape const&, std::int64_t const*, std::int64_t,    \
        TileSize const&, T*, ParallelFor const&);                                                  \
    template void scatterTiles<T>(T const*, TileSize const&, std::int64_t const*, std::int64_t,    \
        MapsShape const&, T*, ParallelFor const&);

REFINEMASK_INSTANTIATE(std::uint16_t)
REFINEMASK_INSTANTIATE(std::uint32_t)

} // namespace refinemask
