// The lives of the plugins that work at places; their kernels against the loops of the CPU.
#include "operators/places.h"

#include "kernels/conv_at_places.h"
#include "tests/cuda/host_threads.h"
#include "tests/tensorrt/plugin_life.h"

#include <cmath>

namespace
{

using namespace refinemask;
using namespace refinemask::test;

using Sizes = std::vector<std::int64_t>;
constexpr ThreadOrder kOrders[] = {ThreadOrder::kBACKWARD, ThreadOrder::kFORWARD};

PluginPointer makeGather(std::int64_t height, std::int64_t width, std::int64_t margin)
{
    Fields fields;
    fields.integers("height", {height}).integers("width", {width}).integers("margin", {margin});
    return create("GatherTiles", fields);
}

PluginPointer makeConv(std::int64_t dilation)
{
    Fields fields;
    fields.integers("dilation", {dilation});
    return create("ConvAtPlaces", fields);
}

std::vector<std::int64_t> findPlaces(std::vector<float> const& mask, Sizes const& shape)
{
    PluginPointer const plugin = create("NonZeroPlaces", Fields());
    OutputShapes const shapes = outputShapesOf(plugin, {shape});
    CHECK_EQUAL(shapes.upperBounds.at(0), static_cast<std::int64_t>(mask.size()));
    CHECK_EQUAL(shapes.sizeOutputs.at(0), 1);
    std::vector<std::int64_t> places(3 * mask.size() + 1, -7);
    std::int32_t count = -1;
    std::int32_t const status = run(plugin, {makeDesc(shape, DataType::kFLOAT)},
        {makeDesc({shapes.upperBounds[0], 3}, DataType::kINT64), makeDesc({}, DataType::kINT32)},
        {mask.data()}, {places.data(), &count});
    CHECK_EQUAL(status, 0);
    CHECK(count >= 0 && static_cast<std::size_t>(count) <= mask.size());
    CHECK(places[3 * static_cast<std::size_t>(count)] == -7); // nothing behind the last
    places.resize(3 * static_cast<std::size_t>(count));
    return places;
}

TEST(placesAreFoundInTheirOrder)
{
    for (ThreadOrder const order : kOrders)
    {
        setThreadOrder(order);
        for (Sizes const& shape :
            {Sizes{1, 1, 1}, Sizes{2, 30, 41}, Sizes{3, 0, 5}, Sizes{5, 100, 90}})
        {
            Random random(static_cast<std::uint64_t>(shape[1]));
            std::vector<float> mask;
            std::vector<std::int64_t> expected;
            for (std::int64_t i = 0; i < shape[0] * shape[1] * shape[2]; ++i)
            {
                mask.push_back(random.integer(0, 3) == 0 ? random.number(-1.F, 1.F) : 0.F);
                if (mask.back() != 0.F)
                {
                    expected.insert(expected.end(),
                        {i / shape[2] / shape[1], i / shape[2] % shape[1], i % shape[2]});
                }
            }
            CHECK(findPlaces(mask, shape) == expected);
        }
    }
}

//! Every place of two maps, and some that there are not.
std::vector<std::int64_t> makePlaces(std::int64_t rows, std::int64_t columns)
{
    std::vector<std::int64_t> places{-1, 0, 0, 2, 0, 0, 0, -1, 0, 1, 0, 1LL << 40};
    for (std::int64_t i = 0; i < 2 * rows * columns; ++i)
    {
        places.insert(places.end(), {i / columns / rows, i / columns % rows, i % columns});
    }
    return places;
}

template <typename T>
void moveThereAndBack(std::int64_t channels, std::int64_t height, std::int64_t width)
{
    Random random(static_cast<std::uint64_t>(height));
    Sizes const shape{2, channels, 19, 33};
    std::vector<T> const maps = random.values<T>(2 * channels * 19 * 33, 1.F, 2.F);
    std::vector<std::int64_t> const places
        = makePlaces((18 + height) / height, (32 + width) / width);
    auto const numPlaces = static_cast<std::int64_t>(places.size() / 3);
    Sizes const placesShape{numPlaces, 3};
    for (std::int64_t const margin : {0, 2})
    {
        Sizes const tileShape{numPlaces, channels, height + 2 * margin, width + 2 * margin};
        std::int64_t const area = tileShape[2] * tileShape[3];
        std::vector<T> tiles(static_cast<std::size_t>(numPlaces * channels * area));
        PluginPointer const gather = makeGather(height, width, margin);
        CHECK(outputShapesOf(gather, {shape, placesShape}).sizes == std::vector<Sizes>{tileShape});
        CHECK_EQUAL(
            run(gather, {makeDesc(shape, dataType<T>()), makeDesc(placesShape, DataType::kINT64)},
                {makeDesc(tileShape, dataType<T>())}, {maps.data(), places.data()}, {tiles.data()}),
            0);
        CHECK_EQUAL(toFloat(tiles[0]), 0.F);
        std::int64_t const first = 4 * channels * area; // of map 0, at its corner
        CHECK_EQUAL(toFloat(tiles[first + margin * tileShape[3] + margin]), toFloat(maps[0]));
        if (margin == 0)
        {
            std::vector<T> back(maps.size());
            PluginPointer const scatter = create("ScatterTiles", Fields());
            CHECK(outputShapesOf(scatter, {tileShape, placesShape, shape}).sizes
                == std::vector<Sizes>{shape});
            CHECK_EQUAL(
                run(scatter,
                    {makeDesc(tileShape, dataType<T>()), makeDesc(placesShape, DataType::kINT64),
                        makeDesc(shape, dataType<T>())},
                    {makeDesc(shape, dataType<T>())}, {tiles.data(), places.data(), maps.data()},
                    {back.data()}),
                0);
            CHECK(isSame(back, maps));
        }
    }
}

TEST(tilesAreMovedThereAndBack)
{
    for (ThreadOrder const order : kOrders)
    {
        setThreadOrder(order);
        moveThereAndBack<float>(3, 8, 16);
        moveThereAndBack<Half>(5, 1, 1);
        moveThereAndBack<Bfloat16>(1, 19, 33);
        moveThereAndBack<float>(2, 5, 70);
    }
}

template <typename T>
void compareConvolution(std::int64_t channels, PlaceKernel const& kernel, float tolerance)
{
    Random random(static_cast<std::uint64_t>(channels));
    Sizes const shape{2, channels, 7, 9};
    MapsShape const maps{2, channels, 7, 9};
    std::vector<T> const values = random.values<T>(2 * channels * 63, -1.F, 1.F);
    std::int64_t const ofOutput = channels * kernel.side * kernel.side;
    std::vector<T> const weight = random.values<T>(kernel.outputs * ofOutput, -0.2F, 0.2F);
    std::vector<T> const bias = random.values<T>(kernel.outputs, -1.F, 1.F);
    std::vector<std::int64_t> const places = makePlaces(7, 9);
    auto const numPlaces = static_cast<std::int64_t>(places.size() / 3);
    std::vector<T> found(static_cast<std::size_t>(numPlaces * kernel.outputs));
    Sizes const weightShape{kernel.outputs, channels, kernel.side, kernel.side};
    PluginPointer const plugin = makeConv(kernel.dilation);
    Sizes const outputShape{numPlaces, kernel.outputs};
    CHECK(outputShapesOf(plugin, {shape, {numPlaces, 3}, weightShape, {kernel.outputs}}).sizes
        == std::vector<Sizes>{outputShape});
    CHECK_EQUAL(
        run(plugin,
            {makeDesc(shape, dataType<T>()), makeDesc({numPlaces, 3}, DataType::kINT64),
                makeDesc(weightShape, dataType<T>()), makeDesc({kernel.outputs}, dataType<T>())},
            {makeDesc(outputShape, dataType<T>())},
            {values.data(), places.data(), weight.data(), bias.data()}, {found.data()}),
        0);
    for (std::size_t i = 0; i < found.size(); ++i)
    {
        auto const output = static_cast<std::int64_t>(i) % kernel.outputs;
        float const expected = convolutionAt(values.data(), maps,
            places.data() + static_cast<std::int64_t>(i) / kernel.outputs * 3, kernel,
            weight.data() + output * ofOutput, toFloat(bias[output]));
        CHECK(std::abs(toFloat(found[i]) - expected) < tolerance);
    }
}

TEST(convolutionsAtPlacesEqualThePlainArithmetic)
{
    for (ThreadOrder const order : kOrders)
    {
        setThreadOrder(order);
        compareConvolution<float>(24, {24, 3, 5}, 1e-5F);
        compareConvolution<Half>(17, {70, 3, 1}, 6e-3F);
        compareConvolution<Bfloat16>(5, {1, 5, 2}, 3e-2F);
        compareConvolution<float>(0, {3, 1, 1}, 1e-6F);
    }
}

TEST(placesPluginsCheckTypesAndShapes)
{
    CapturedErrors errors;
    DataType outputs[2];
    DataType const half[] = {DataType::kHALF};
    CHECK(buildOf(create("NonZeroPlaces", Fields())).getOutputDataTypes(outputs, 2, half, 1) != 0);
    CHECK(errors.contain("NonZeroPlaces: mask must be float32, not float16"));
    PluginPointer const gather = makeGather(8, 16, 1);
    DataType const places32[] = {DataType::kFLOAT, DataType::kINT32};
    CHECK(buildOf(gather).getOutputDataTypes(outputs, 1, places32, 2) != 0);
    CHECK(errors.contain("GatherTiles: places must be int64, not int32"));
    CHECK(outputShapesOf(gather, {{2, 3, 8, 8}, {5, 4}}, {}, true).status != 0);
    CHECK(errors.contain("GatherTiles: places must have the shape (?, 3), got (5, 4)"));
    PluginPointer const conv = makeConv(1);
    DataType const mixed[] = {DataType::kHALF, DataType::kINT64, DataType::kHALF, DataType::kFLOAT};
    CHECK(buildOf(conv).getOutputDataTypes(outputs, 1, mixed, 4) != 0);
    CHECK(errors.contain("ConvAtPlaces: bias must be float16, not float32"));
    CHECK(buildOf(conv).getOutputDataTypes(outputs, 1, mixed, 3) != 0);
    CHECK(errors.contain("ConvAtPlaces: has 4 inputs, not 3"));
    CHECK(outputShapesOf(conv, {{2, 3, 8, 8}, {5, 3}, {7, 3, 2, 2}, {7}}, {}, true).status != 0);
    CHECK(errors.contain("weight must have the shape (O, C, k, k), k odd and at most 31"));
    CHECK(acceptsFormats(conv,
        {makeDynamicDesc({2, 3, 8, 8}, DataType::kBF16), makeDynamicDesc({5, 3}, DataType::kINT64),
            makeDynamicDesc({7, 3, 3, 3}, DataType::kBF16), makeDynamicDesc({7}, DataType::kBF16),
            makeDynamicDesc({5, 7}, DataType::kBF16)},
        4));
}

} // namespace
