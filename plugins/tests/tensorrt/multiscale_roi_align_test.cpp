// The life of the MultiScaleRoIAlign plugin; its kernel against the plain arithmetic, bit by bit.
#include "cuda/multiscale_roi_align_channels_last_threads.h"
#include "tensorrt/fields.h"
#include "tests/cuda/host_launch.h"
#include "tests/tensorrt/plugin_life.h"

#include <algorithm>
#include <limits>

namespace
{

using namespace refinemask;
using namespace refinemask::test;
using nvinfer1::TensorFormat;

constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();

//! A pyramid and what is pooled from it.
struct Pyramid
{
    std::int64_t batch = 2;
    std::int64_t channels = 3;
    std::vector<std::int64_t> strides{4, 8};
    std::int64_t height = 24; //!< of the finest level, the others are half of the one before
    std::int64_t width = 40;
    std::int64_t outputSize = 7;
    std::int64_t samplingRatio = 0;
    std::int64_t aligned = 1;
    std::int64_t epsilonAfterLog = 0;
    float finestScale = 10.F;

    std::vector<std::int64_t> shape(std::size_t level) const
    {
        return {batch, channels, height >> level, width >> level};
    }

    std::vector<std::int64_t> pooledShape(std::int64_t numRois) const
    {
        return {numRois, channels, outputSize, outputSize};
    }

    RoIAlignAttributes attributes() const
    {
        RoIAlignAttributes all;
        all.outputSize = outputSize;
        all.samplingRatio = samplingRatio;
        all.strides = strides;
        all.finestScale = finestScale;
        all.aligned = aligned;
        all.epsilonAfterLog = epsilonAfterLog;
        return all;
    }

    PluginPointer plugin() const
    {
        Fields fields;
        fields.integers("output_size", {outputSize}).integers("sampling_ratio", {samplingRatio});
        fields.integers("strides", strides).number("finest_scale", finestScale);
        fields.integers("aligned", {aligned}).integers("epsilon_after_log", {epsilonAfterLog});
        return create("MultiScaleRoIAlign", fields);
    }
};

std::int64_t product(std::vector<std::int64_t> const& sizes)
{
    std::int64_t all = 1;
    for (std::int64_t const size : sizes)
    {
        all *= size;
    }
    return all;
}

template <typename T>
std::vector<std::vector<T>> makeMaps(Pyramid const& pyramid, Random& random)
{
    std::vector<std::vector<T>> maps;
    for (std::size_t level = 0; level < pyramid.strides.size(); ++level)
    {
        maps.push_back(random.values<T>(product(pyramid.shape(level)), -2.F, 2.F));
    }
    return maps;
}

//! Every element by itself, with the functions of kernels/.
template <typename T>
std::vector<T> plainPooling(
    Pyramid const& pyramid, std::vector<float> const& rois, std::vector<std::vector<T>> const& maps)
{
    RoIAlignParams const params = pyramid.attributes().params();
    std::vector<T> output;
    for (std::size_t roi = 0; roi < rois.size(); roi += 5)
    {
        float const* const box = rois.data() + roi + 1;
        int const level = assignLevel(box, params);
        auto const shape = pyramid.shape(static_cast<std::size_t>(level));
        float const scale = params.spatialScale[level];
        AxisSamples const vertical = axisSamples(box[1], box[3], scale, params);
        AxisSamples const horizontal = axisSamples(box[0], box[2], scale, params);
        bool const known = rois[roi] >= 0.F && rois[roi] < static_cast<float>(pyramid.batch);
        for (std::int64_t channel = 0; channel < pyramid.channels; ++channel)
        {
            for (int bin = 0; bin < params.outputSize * params.outputSize; ++bin)
            {
                float value = 0.F;
                if (known)
                {
                    std::int64_t const plane
                        = static_cast<std::int64_t>(rois[roi]) * pyramid.channels + channel;
                    T const* const map = maps[static_cast<std::size_t>(level)].data()
                        + plane * shape[2] * shape[3];
                    value = pooledValue(map, static_cast<int>(shape[2]), static_cast<int>(shape[3]),
                        vertical, horizontal, bin / params.outputSize, bin % params.outputSize);
                }
                output.push_back(fromFloat<T>(value));
            }
        }
    }
    return output;
}

//! How the maps of a pyramid and what is pooled from them lie in memory.
struct Layout
{
    TensorFormat format = TensorFormat::kLINEAR;
    std::size_t cellStride = 0; //!< elements from a cell to the next, channels last
    std::size_t offset = 0;     //!< of the first element from a boundary of 16 bytes
};

//! The format that TensorRT has for a type.
template <typename T>
Layout channelsLast(std::int64_t channels)
{
    auto const count = static_cast<std::size_t>(channels);
    if (dataType<T>() == DataType::kFLOAT)
    {
        return {TensorFormat::kHWC, count};
    }
    return {TensorFormat::kHWC8, (count + 7) / 8 * 8};
}

//! Lay out a tensor (N, C, H, W), with `padding` behind the channels of each cell.
template <typename T>
std::vector<T> laidOut(std::vector<T> const& linear, std::vector<std::int64_t> const& shape,
    Layout const& layout, float padding)
{
    if (layout.format == TensorFormat::kLINEAR)
    {
        return linear;
    }
    auto const channels = static_cast<std::size_t>(shape[1]);
    auto const cells = static_cast<std::size_t>(shape[2] * shape[3]);
    auto const count = static_cast<std::size_t>(shape[0]) * cells * layout.cellStride;
    std::vector<T> result(layout.offset + count, fromFloat<T>(padding));
    for (std::size_t i = 0; i < linear.size(); ++i)
    {
        std::size_t const channel = i / cells % channels;
        std::size_t const cell = i / cells / channels * cells + i % cells;
        result[layout.offset + cell * layout.cellStride + channel] = linear[i];
    }
    return result;
}

template <typename T>
std::vector<T> pluginPooling(Pyramid const& pyramid, std::vector<float> const& rois,
    std::vector<std::vector<T>> const& maps, Layout const& layout = {})
{
    auto const numRois = static_cast<std::int64_t>(rois.size() / 5);
    std::vector<nvinfer1::PluginTensorDesc> inputs{makeDesc({numRois, 5}, DataType::kFLOAT)};
    std::vector<void const*> data{rois.data()};
    std::vector<std::vector<T>> placed;
    for (std::size_t level = 0; level < maps.size(); ++level)
    {
        inputs.push_back(makeDesc(pyramid.shape(level), dataType<T>(), layout.format));
        placed.push_back(laidOut(maps[level], pyramid.shape(level), layout, kNaN));
        data.push_back(placed.back().data() + layout.offset);
    }
    nvinfer1::PluginTensorDesc const pooled
        = makeDesc(pyramid.pooledShape(numRois), dataType<T>(), layout.format);
    std::vector<T> const unwritten(
        static_cast<std::size_t>(product(pyramid.pooledShape(numRois))), fromFloat<T>(kNaN));
    std::vector<T> output = laidOut(unwritten, pyramid.pooledShape(numRois), layout, kNaN);
    CHECK_EQUAL(run(pyramid.plugin(), inputs, {pooled}, data, {output.data() + layout.offset}), 0);
    return output;
}

template <typename T>
void comparePooling(
    Pyramid const& pyramid, std::vector<float> const& rois, Layout const& layout = {})
{
    Random random(rois.size());
    auto const maps = makeMaps<T>(pyramid, random);
    auto const shape = pyramid.pooledShape(static_cast<std::int64_t>(rois.size() / 5));
    std::vector<T> expected = laidOut(plainPooling(pyramid, rois, maps), shape, layout, 0.F);
    std::fill_n(expected.begin(), layout.offset, fromFloat<T>(kNaN)); // which nothing writes
    for (ThreadOrder const order : {ThreadOrder::kBACKWARD, ThreadOrder::kFORWARD})
    {
        setThreadOrder(order);
        CHECK(isSame(pluginPooling(pyramid, rois, maps, layout), expected));
    }
}

template <typename T>
void compareChannelsLast(Pyramid const& pyramid, std::vector<float> const& rois)
{
    comparePooling<T>(pyramid, rois, channelsLast<T>(pyramid.channels));
}

std::vector<float> randomRois(Random& random, int count, float height, float width)
{
    std::vector<float> rois;
    for (int i = 0; i < count; ++i)
    {
        float const x = random.number(-20.F, width);
        float const y = random.number(-20.F, height);
        rois.insert(rois.end(),
            {static_cast<float>(random.integer(0, 1)), x, y, x + random.number(-5.F, width),
                y + random.number(-5.F, height)});
    }
    return rois;
}

TEST(roiAlignPoolsAKnownMap)
{
    // The map is the column's number; bins 2 cells wide, with samples at 0.5 and 1.5 cells of each.
    Pyramid pyramid;
    pyramid.batch = 1;
    pyramid.channels = 1;
    pyramid.strides = {1};
    pyramid.height = 4;
    pyramid.width = 4;
    pyramid.outputSize = 2;
    std::vector<float> map;
    for (int i = 0; i < 16; ++i)
    {
        map.push_back(static_cast<float>(i % 4));
    }
    std::vector<float> const pooled = pluginPooling<float>(pyramid, {0, 0, 0, 4, 4}, {map});
    CHECK(pooled == (std::vector<float>{0.5F, 2.5F, 0.5F, 2.5F}));
}

TEST(roiAlignEqualsThePlainArithmetic)
{
    for (int seed = 0; seed < 12; ++seed)
    {
        Random random(static_cast<std::uint64_t>(seed));
        Pyramid pyramid;
        pyramid.samplingRatio = seed % 3;
        pyramid.aligned = seed % 2;
        pyramid.epsilonAfterLog = seed / 2 % 2;
        pyramid.channels = random.integer(1, 9);
        pyramid.outputSize = random.integer(1, 9);
        std::vector<float> const rois = randomRois(random, 5, 96.F, 160.F);
        comparePooling<float>(pyramid, rois);
        comparePooling<Half>(pyramid, rois);
        comparePooling<Bfloat16>(pyramid, rois);
        compareChannelsLast<float>(pyramid, rois);
        compareChannelsLast<Half>(pyramid, rois);
        compareChannelsLast<Bfloat16>(pyramid, rois);
    }
}

TEST(roiAlignPoolsChannelsLastMapsWithAndWithoutPadding)
{
    // 16 bytes divide the cells of float32 or not; cells of 16-bit types are padded to them. Below
    // and above a slab of 64.
    for (std::int64_t const channels : {1, 4, 6, 8, 12, 64, 66, 68, 72, 137})
    {
        Pyramid pyramid;
        pyramid.channels = channels;
        pyramid.outputSize = 5;
        Random random(static_cast<std::uint64_t>(channels));
        std::vector<float> const rois = randomRois(random, 3, 96.F, 160.F);
        compareChannelsLast<float>(pyramid, rois);
        compareChannelsLast<Half>(pyramid, rois);
        compareChannelsLast<Bfloat16>(pyramid, rois);
    }
}

TEST(roiAlignPoolsChannelsLastMapsThatAreNotAligned)
{
    Pyramid pyramid;
    pyramid.channels = 8;
    Random random(2);
    std::vector<float> const rois = randomRois(random, 3, 96.F, 160.F);
    comparePooling<float>(pyramid, rois, {TensorFormat::kHWC, 8, 1});
    comparePooling<Half>(pyramid, rois, {TensorFormat::kHWC8, 8, 1});
    comparePooling<Bfloat16>(pyramid, rois, {TensorFormat::kHWC8, 8, 1});
}

TEST(roiAlignTakesUpToFiveLevels)
{
    for (std::size_t levels = 1; levels <= 5; ++levels)
    {
        Pyramid pyramid;
        pyramid.height = 64;
        pyramid.width = 64;
        pyramid.strides.clear();
        for (std::size_t level = 0; level < levels; ++level)
        {
            pyramid.strides.push_back(std::int64_t{4} << level);
        }
        Random random(levels);
        comparePooling<float>(pyramid, randomRois(random, 8, 256.F, 256.F));
    }
}

TEST(roiAlignPoolsSlabsOfChannels)
{
    Pyramid pyramid;
    pyramid.channels = 64 + 5; // a full slab, and one that four does not divide
    Random random(1);
    comparePooling<float>(pyramid, randomRois(random, 3, 96.F, 160.F));
}

TEST(roiAlignMoves16BytesOnlyFromAndToAlignedCells)
{
    alignas(16) float memory[8] = {};
    ChannelsLastArguments<float> aligned{};
    aligned.cellStride = 12;
    aligned.common.params.numLevels = 2;
    aligned.common.levels[0].data = memory;
    aligned.common.levels[1].data = memory + 4;
    aligned.common.output = memory;
    CHECK(hasAlignedCells(aligned));
    ChannelsLastArguments<float> changed = aligned;
    changed.cellStride = 14;
    CHECK(!hasAlignedCells(changed));
    changed = aligned;
    changed.common.levels[1].data = memory + 1;
    CHECK(!hasAlignedCells(changed));
    changed = aligned;
    changed.common.output = memory + 2;
    CHECK(!hasAlignedCells(changed));
}

TEST(roiAlignPoolsRoisWithMoreSamplesThanItsTable)
{
    Pyramid pyramid;
    pyramid.strides = {1};
    pyramid.height = 3;
    pyramid.width = 700;
    pyramid.outputSize = 2;
    std::vector<float> const rois{0, 0, 0, 700, 3, 1, -300, -900, 690, 900};
    comparePooling<float>(pyramid, rois);
    compareChannelsLast<float>(pyramid, rois);
    compareChannelsLast<Half>(pyramid, rois);
}

TEST(roiAlignPoolsHostileRoisWithoutHarm)
{
    Pyramid pyramid;
    pyramid.outputSize = 2;
    std::vector<float> const rois{2, 0, 0, 9, 9, -1, 0, 0, 9, 9, kNaN, 0, 0, 9, 9, kInfinity, 0, 0,
        9, 9, 1e30F, 0, 0, 9, 9, 0, kNaN, 0, 9, 9, 0, 0, 0, kInfinity, 9, 0, -kInfinity, 0, 9, 9, 0,
        1e38F, 0, -1e38F, 9, 0, 9, 9, 9, 9, 0, 9, 9, 3, 3, 0, -99, -99, -50, -50, 0, 1e8F, 1e8F,
        1e9F, 1e9F};
    comparePooling<float>(pyramid, rois);
    compareChannelsLast<float>(pyramid, rois);
    compareChannelsLast<Half>(pyramid, rois);
    compareChannelsLast<Bfloat16>(pyramid, rois);
}

TEST(roiAlignOfNoRoisDoesNothing)
{
    comparePooling<Half>(Pyramid{}, {});
    compareChannelsLast<float>(Pyramid{}, {});
    compareChannelsLast<Half>(Pyramid{}, {});
    compareChannelsLast<Bfloat16>(Pyramid{}, {});
}

TEST(roiAlignHasTheTypeOfItsFeatures)
{
    PluginPointer const plugin = Pyramid{}.plugin();
    CHECK_EQUAL(buildOf(plugin).getNbOutputs(), 1);
    for (DataType const type : {DataType::kFLOAT, DataType::kHALF, DataType::kBF16})
    {
        DataType const inputs[] = {DataType::kFLOAT, type, type};
        DataType output = DataType::kBOOL;
        CHECK_EQUAL(buildOf(plugin).getOutputDataTypes(&output, 1, inputs, 3), 0);
        CHECK(output == type);
    }
}

TEST(roiAlignRefusesOtherTypes)
{
    PluginPointer const plugin = Pyramid{}.plugin();
    CapturedErrors errors;
    DataType output = DataType::kBOOL;
    auto const status = [&](std::vector<DataType> const& types)
    {
        return buildOf(plugin).getOutputDataTypes(
            &output, 1, types.data(), static_cast<std::int32_t>(types.size()));
    };
    CHECK(status({DataType::kHALF, DataType::kHALF, DataType::kHALF}) != 0);
    CHECK(errors.contain("MultiScaleRoIAlign: rois must be float32, not float16"));
    CHECK(status({DataType::kFLOAT, DataType::kINT32, DataType::kINT32}) != 0);
    CHECK(errors.contain("features must be float32, float16 or bfloat16, not int32"));
    CHECK(status({DataType::kFLOAT, DataType::kHALF, DataType::kFLOAT}) != 0);
    CHECK(errors.contain("features must have one type, not float16 and float32"));
    CHECK(status({DataType::kFLOAT, DataType::kHALF}) != 0);
    CHECK(errors.contain("has 1 feature maps for 2 strides"));
}

TEST(roiAlignTakesTheTypesOfItsFeatures)
{
    PluginPointer const plugin = Pyramid{}.plugin();
    auto const accepts = [&](DataType rois, DataType first, DataType second, DataType output)
    {
        return acceptsFormats(plugin,
            {makeDynamicDesc({9, 5}, rois), makeDynamicDesc({2, 3, 24, 40}, first),
                makeDynamicDesc({2, 3, 12, 20}, second), makeDynamicDesc({9, 3, 7, 7}, output)},
            3);
    };
    for (DataType const type : {DataType::kFLOAT, DataType::kHALF, DataType::kBF16})
    {
        CHECK(accepts(DataType::kFLOAT, type, type, type));
    }
    CHECK(!accepts(DataType::kHALF, DataType::kHALF, DataType::kHALF, DataType::kHALF));
    CHECK(!accepts(DataType::kFLOAT, DataType::kHALF, DataType::kFLOAT, DataType::kHALF));
    CHECK(!accepts(DataType::kFLOAT, DataType::kHALF, DataType::kHALF, DataType::kFLOAT));
    CHECK(!accepts(DataType::kFLOAT, DataType::kINT8, DataType::kINT8, DataType::kINT8));
}

TEST(roiAlignTakesFeaturesAndOutputOfOneFormat)
{
    PluginPointer const plugin = Pyramid{}.plugin();
    auto const accepts = [&](DataType type, TensorFormat rois, TensorFormat first,
                             TensorFormat second, TensorFormat output)
    {
        return acceptsFormats(plugin,
            {makeDynamicDesc({9, 5}, DataType::kFLOAT, rois),
                makeDynamicDesc({2, 3, 24, 40}, type, first),
                makeDynamicDesc({2, 3, 12, 20}, type, second),
                makeDynamicDesc({9, 3, 7, 7}, type, output)},
            3);
    };
    constexpr TensorFormat kLinear = TensorFormat::kLINEAR;
    for (DataType const type : {DataType::kFLOAT, DataType::kHALF, DataType::kBF16})
    {
        bool const isFloat32 = type == DataType::kFLOAT;
        TensorFormat const last = isFloat32 ? TensorFormat::kHWC : TensorFormat::kHWC8;
        TensorFormat const ofOthers = isFloat32 ? TensorFormat::kHWC8 : TensorFormat::kHWC;
        CHECK(accepts(type, kLinear, kLinear, kLinear, kLinear));
        CHECK(accepts(type, kLinear, last, last, last));
        CHECK(!accepts(type, last, last, last, last));
        CHECK(!accepts(type, kLinear, last, kLinear, last));
        CHECK(!accepts(type, kLinear, kLinear, last, kLinear));
        CHECK(!accepts(type, kLinear, last, last, kLinear));
        CHECK(!accepts(type, kLinear, kLinear, kLinear, last));
        CHECK(!accepts(type, kLinear, ofOthers, ofOthers, ofOthers));
        CHECK(!accepts(
            type, kLinear, TensorFormat::kCHW32, TensorFormat::kCHW32, TensorFormat::kCHW32));
    }
}

TEST(roiAlignKnowsTheShapeOfItsOutput)
{
    PluginPointer const plugin = Pyramid{}.plugin();
    OutputShapes const shapes
        = outputShapesOf(plugin, {{1000, 5}, {2, 256, 200, 336}, {2, 256, 100, 168}});
    CHECK_EQUAL(shapes.status, 0);
    CHECK(shapes.sizes == (std::vector<std::vector<std::int64_t>>{{1000, 256, 7, 7}}));
    CapturedErrors errors;
    CHECK(outputShapesOf(plugin, {{1000, 5}, {256, 200, 336}, {2, 256, 100, 168}}).status != 0);
    CHECK(errors.contain("those of level 0 have 3 dimensions"));
    auto const known = [&](std::vector<std::vector<std::int64_t>> const& inputs)
    {
        return outputShapesOf(plugin, inputs, {}, true).status;
    };
    CHECK_EQUAL(known({{9, 5}, {2, 3, 24, 40}, {2, 3, 12, 20}}), 0);
    CHECK(known({{9, 4}, {2, 3, 24, 40}, {2, 3, 12, 20}}) != 0);
    CHECK(errors.contain("rois must be (K, 5), but have 4 columns"));
    CHECK(known({{9, 5}, {2, 3, 24, 40}, {2, 4, 12, 20}}) != 0);
    CHECK(errors.contain("must agree in batch and channels, but have 3 and 4"));
}

TEST(roiAlignRefusesShapesThatDoNotMatch)
{
    PluginPointer const plugin = Pyramid{}.plugin();
    CapturedErrors errors;
    auto const status
        = [&](std::vector<std::int64_t> const& rois, std::vector<std::int64_t> const& first,
              std::vector<std::int64_t> const& second)
    {
        std::vector<nvinfer1::PluginTensorDesc> const inputs{makeDesc(rois, DataType::kFLOAT),
            makeDesc(first, DataType::kFLOAT), makeDesc(second, DataType::kFLOAT)};
        nvinfer1::PluginTensorDesc const output = makeDesc({9, 3, 7, 7}, DataType::kFLOAT);
        return runtimeOf(plugin).onShapeChange(inputs.data(), 3, &output, 1);
    };
    CHECK_EQUAL(status({9, 5}, {2, 3, 24, 40}, {2, 3, 12, 20}), 0);
    CHECK_EQUAL(errors.text(), "");
    CHECK(status({9, 4}, {2, 3, 24, 40}, {2, 3, 12, 20}) != 0);
    CHECK(errors.contain("MultiScaleRoIAlign: rois must be (K, 5), not (9, 4)"));
    CHECK(status({9, 5}, {2, 3, 24, 40}, {2, 4, 12, 20}) != 0);
    CHECK(
        errors.contain("must agree in batch and channels, not (2, 3, 24, 40) and (2, 4, 12, 20)"));
    CHECK(status({9, 5}, {2, 3, 24, 40}, {2, 3, 0, 20}) != 0);
    CHECK(errors.contain("at least one cell"));
    CHECK(status({9, 5}, {2, 3, 1 << 16, 1 << 16}, {2, 3, 12, 20}) != 0);
    CHECK(errors.contain("fewer than 2^31"));
}

} // namespace
