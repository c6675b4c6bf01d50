// The kernel of MultiScaleRoIAlign, run by its plugin, against the plain arithmetic, bit by bit.
#include "cuda/multiscale_roi_align_channels_last_threads.h"
#include "tests/cuda/host_threads.h"
#include "tests/tensorrt/pyramid.h"

#include <algorithm>
#include <limits>

namespace
{

using namespace refinemask;
using namespace refinemask::test;
using nvinfer1::TensorFormat;

constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();

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

} // namespace
