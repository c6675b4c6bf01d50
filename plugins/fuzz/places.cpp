// Tiles and convolutions at any places: inside of the maps what the plain arithmetic gives.
#include "cpu/places.h"

#include "cpu/conv_at_places.h"
#include "fuzz/input.h"

namespace
{

using namespace refinemask;

std::vector<std::int64_t> readPlaces(fuzz::Input& input, std::int64_t count)
{
    std::vector<std::int64_t> places;
    for (std::int64_t i = 0; i < 3 * count; ++i)
    {
        places.push_back(
            input.byte() < 250 ? input.integer(-2, 12) : input.integer(INT64_MIN, INT64_MAX));
    }
    return places;
}

MapsShape readShape(fuzz::Input& input)
{
    return MapsShape{
        input.integer(0, 3), input.integer(0, 5), input.integer(0, 20), input.integer(0, 20)};
}

template <typename T>
void moveTiles(fuzz::Input& input)
{
    MapsShape const shape = readShape(input);
    std::vector<T> const maps(
        static_cast<std::size_t>(shape.count * shape.channels * planeOf(shape)), T{3});
    TileSize const tile{input.integer(1, 9), input.integer(1, 20), input.integer(0, 9)};
    std::int64_t const numPlaces = input.integer(0, 9);
    std::vector<std::int64_t> const places = readPlaces(input, numPlaces);
    std::int64_t const area = tileRows(tile).count * tileColumns(tile).count;
    std::vector<T> tiles(static_cast<std::size_t>(numPlaces * shape.channels * area), T{7});
    gatherTiles(maps.data(), shape, places.data(), numPlaces, tile, tiles.data(), serially);
    for (T const value : tiles)
    {
        fuzz::require(value == T{0} || value == T{3}, "a pixel of a tile");
    }
    std::vector<T> back(maps.size(), T{7});
    TileSize const whole{tileRows(tile).count, tileColumns(tile).count, 0};
    scatterTiles(tiles.data(), whole, places.data(), numPlaces, shape, back.data(), serially);
    for (T const value : back)
    {
        fuzz::require(value == T{0} || value == T{3}, "a pixel of a map");
    }
}

template <typename T>
void convolve(fuzz::Input& input)
{
    MapsShape const shape = readShape(input);
    PlaceKernel const kernel{
        input.integer(1, 70), 1 + 2 * input.integer(0, 2), input.integer(1, 9)};
    std::int64_t const numPlaces = input.integer(0, 9);
    std::vector<std::int64_t> const places = readPlaces(input, numPlaces);
    auto const values = [&](std::int64_t count)
    {
        std::vector<T> filled;
        for (std::int64_t i = 0; i < count; ++i)
        {
            // Small integers, whose sums are exact in any order.
            filled.push_back(fromFloat<T>(static_cast<float>((i + numPlaces) % 3 - 1)));
        }
        return filled;
    };
    std::vector<T> const maps = values(shape.count * shape.channels * planeOf(shape));
    std::int64_t const ofOutput = shape.channels * kernel.side * kernel.side;
    std::vector<T> const weight = values(kernel.outputs * ofOutput);
    std::vector<T> const bias = values(kernel.outputs);
    std::vector<T> found(static_cast<std::size_t>(numPlaces * kernel.outputs));
    convAtPlaces(maps.data(), shape, places.data(), numPlaces, kernel, weight.data(), bias.data(),
        found.data(), serially);
    for (std::int64_t i = 0; i < numPlaces * kernel.outputs; ++i)
    {
        std::int64_t const output = i % kernel.outputs;
        float const expected
            = convolutionAt(maps.data(), shape, places.data() + i / kernel.outputs * 3, kernel,
                weight.data() + output * ofOutput, toFloat(bias[output]));
        fuzz::require(toFloat(found[i]) == expected, "an output");
    }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size)
{
    fuzz::Input input(data, size);
    switch (input.integer(0, 3))
    {
    case 0:
        moveTiles<std::uint32_t>(input);
        break;
    case 1:
        moveTiles<std::uint16_t>(input);
        break;
    case 2:
        convolve<float>(input);
        break;
    default:
        convolve<Half>(input);
    }
    return 0;
}
