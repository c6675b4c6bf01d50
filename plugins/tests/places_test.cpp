#include "cpu/places.h"

#include "cpu/conv_at_places.h"
#include "tests/check.h"
#include "tests/random.h"

#include <cmath>

namespace
{

using namespace refinemask;
using test::Random;

TEST(placesComeRowByRow)
{
    std::vector<float> const mask{0.F, 2.F, 0.F, -1.F, 0.F, std::nanf("")};
    CHECK(nonZeroPlaces(mask.data(), 1, 2, 3)
        == (std::vector<Place>{{0, 0, 1}, {0, 1, 0}, {0, 1, 2}}));
    CHECK(nonZeroPlaces(mask.data(), 3, 2, 1)
        == (std::vector<Place>{{0, 1, 0}, {1, 1, 0}, {2, 1, 0}}));
    CHECK(nonZeroPlaces(nullptr, 0, 7, 7).empty());
}

//! Places inside and outside of maps.
std::vector<std::int64_t> makePlaces(Random& random, int count)
{
    std::vector<std::int64_t> places;
    for (int index = 0; index < count; ++index)
    {
        places.insert(
            places.end(), {random.integer(-1, 3), random.integer(-2, 9), random.integer(-2, 9)});
    }
    return places;
}

//! Where a value of a map lies, or nothing for what is outside.
template <typename T>
T at(std::vector<T> const& maps, MapsShape const& shape, std::int64_t map, std::int64_t channel,
    std::int64_t y, std::int64_t x)
{
    bool const inside
        = isMap(shape, map) && y >= 0 && y < shape.height && x >= 0 && x < shape.width;
    return inside ? maps[((map * shape.channels + channel) * shape.height + y) * shape.width + x]
                  : T{0};
}

TEST(tilesAreWhatTheMapsHaveThere)
{
    for (int seed = 0; seed < 40; ++seed)
    {
        Random random(static_cast<std::uint64_t>(seed));
        MapsShape const shape{
            2, random.integer(1, 4), random.integer(1, 20), random.integer(1, 20)};
        TileSize const tile{random.integer(1, 6), random.integer(1, 9), random.integer(0, 5)};
        std::vector<std::uint32_t> maps;
        for (std::int64_t i = 0; i < shape.count * shape.channels * planeOf(shape); ++i)
        {
            maps.push_back(static_cast<std::uint32_t>(random.integer(1, 1 << 30)));
        }
        std::vector<std::int64_t> const places = makePlaces(random, 12);
        std::int64_t const rows = tileRows(tile).count;
        std::int64_t const columns = tileColumns(tile).count;
        std::vector<std::uint32_t> tiles(
            static_cast<std::size_t>(12 * shape.channels * rows * columns), 7);
        gatherTiles(maps.data(), shape, places.data(), 12, tile, tiles.data(), serially);
        auto const* found = tiles.data();
        for (std::size_t place = 0; place < places.size(); place += 3)
        {
            bool const exists = places[place + 1] >= 0 && places[place + 2] >= 0;
            for (std::int64_t i = 0; i < shape.channels * rows * columns; ++i)
            {
                std::int64_t const y
                    = places[place + 1] * tile.height - tile.margin + i / columns % rows;
                std::int64_t const x = places[place + 2] * tile.width - tile.margin + i % columns;
                std::uint32_t const expected
                    = exists ? at(maps, shape, places[place], i / (rows * columns), y, x) : 0;
                CHECK_EQUAL(*found++, expected);
            }
        }
    }
}

TEST(scatteredTilesAreGatheredAgain)
{
    Random random(1);
    MapsShape const shape{2, 3, 11, 18};
    TileSize const tile{4, 5, 0};
    std::vector<std::int64_t> const places{1, 2, 3, 0, 0, 1, 9, 0, 0, 0, 1, -1};
    std::vector<float> const tiles = random.values<float>(4 * 3 * 20, 1.F, 2.F);
    std::vector<std::uint32_t> bits;
    for (float const value : tiles)
    {
        bits.push_back(floatToBits(value));
    }
    std::vector<std::uint32_t> maps(static_cast<std::size_t>(2 * 3 * planeOf(shape)), 7);
    scatterTiles(bits.data(), tile, places.data(), 4, shape, maps.data(), serially);
    CHECK_EQUAL(at(maps, shape, 0, 0, 0, 0), 0U);
    CHECK_EQUAL(at(maps, shape, 1, 2, 10, 17), bits[2 * 20 + 2 * 5 + 2]);
    std::vector<std::uint32_t> again(bits.size());
    gatherTiles(maps.data(), shape, places.data(), 4, tile, again.data(), serially);
    CHECK(std::equal(again.begin() + 3 * 20, again.begin() + 6 * 20, bits.begin() + 3 * 20));
    CHECK_EQUAL(again[9 * 20], 0U);
}

TEST(mapsWithoutColumnsTakeNothing)
{
    MapsShape const shape{2, 1, 3, 0};
    std::vector<std::int64_t> const places{0, 0, 0, 1, 1, 1};
    std::vector<std::uint32_t> tiles(8, 7);
    gatherTiles<std::uint32_t>(
        nullptr, shape, places.data(), 2, TileSize{2, 2, 0}, tiles.data(), serially);
    CHECK(tiles == std::vector<std::uint32_t>(8, 0));
    scatterTiles<std::uint32_t>(
        tiles.data(), TileSize{2, 2, 0}, places.data(), 2, shape, nullptr, serially);
}

template <typename T>
void compareWithPlain(double tolerance)
{
    for (int seed = 0; seed < 60; ++seed)
    {
        Random random(static_cast<std::uint64_t>(seed));
        MapsShape const shape{2, random.integer(0, 20), random.integer(1, 9), random.integer(1, 9)};
        PlaceKernel const kernel{
            random.integer(1, 140), 1 + 2 * random.integer(0, 2), random.integer(1, 4)};
        std::int64_t const numPlaces = random.integer(0, 40);
        std::vector<std::int64_t> const places = makePlaces(random, static_cast<int>(numPlaces));
        std::vector<T> const maps
            = random.values<T>(2 * shape.channels * planeOf(shape), -1.F, 1.F);
        std::int64_t const ofOutput = shape.channels * kernel.side * kernel.side;
        std::vector<T> const weight = random.values<T>(kernel.outputs * ofOutput, -0.2F, 0.2F);
        std::vector<T> const bias = random.values<T>(kernel.outputs, -1.F, 1.F);
        std::vector<T> found(static_cast<std::size_t>(numPlaces * kernel.outputs));
        convAtPlaces(maps.data(), shape, places.data(), numPlaces, kernel, weight.data(),
            bias.data(), found.data(), serially);
        for (std::size_t i = 0; i < found.size(); ++i)
        {
            auto const output = static_cast<std::int64_t>(i) % kernel.outputs;
            float const expected = convolutionAt(maps.data(), shape,
                places.data() + static_cast<std::int64_t>(i) / kernel.outputs * 3, kernel,
                weight.data() + output * ofOutput, toFloat(bias[output]));
            CHECK(std::abs(toFloat(found[i]) - expected) < tolerance);
        }
    }
}

TEST(convolutionsAreThoseOfThePlainArithmetic)
{
    compareWithPlain<float>(1e-5);
    compareWithPlain<Half>(6e-3);
}

} // namespace
