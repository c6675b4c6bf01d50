#include "cpu/multiscale_roi_align.h"
#include "tests/check.h"
#include "tests/random.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace
{

using namespace refinemask;
using test::Random;

constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();

RoIAlignParams makeParams(int outputSize, int samplingRatio, std::vector<int> const& strides)
{
    RoIAlignParams params{};
    params.outputSize = outputSize;
    params.samplingRatio = samplingRatio;
    params.numLevels = static_cast<int>(strides.size());
    params.aligned = true;
    for (int level = 0; level < params.numLevels; ++level)
    {
        params.spatialScale[level] = 1.F / static_cast<float>(strides[level]);
        params.smallestSide[level] = level > 0 ? smallestSide(level, 56.F, false) : 0.F;
    }
    return params;
}

std::vector<float> pool(std::vector<float> const& rois, std::vector<float> const& map, int height,
    int width, RoIAlignParams const& params)
{
    auto const count = static_cast<std::int64_t>(rois.size() / 5);
    FeatureLevel<float> const level{map.data(), height, width};
    std::vector<float> output(
        static_cast<std::size_t>(count) * params.outputSize * params.outputSize, kNaN);
    multiScaleRoIAlign(rois.data(), count, &level, 1, 1, params, output.data(), serially);
    return output;
}

//! Row y, column x holds 10 y + x, which interpolation keeps exactly.
std::vector<float> ramp(int height, int width)
{
    std::vector<float> map;
    for (int y = 0; y < height; ++y)
    {
        for (int x = 0; x < width; ++x)
        {
            map.push_back(static_cast<float>(10 * y + x));
        }
    }
    return map;
}

TEST(poolsOneCell)
{
    // From 1 to 3 pixels with stride 1: the middle, pixel 2, lies half a cell further down at 1.5.
    std::vector<float> const found = pool({0, 1, 1, 3, 3}, ramp(5, 5), 5, 5, makeParams(1, 1, {1}));
    CHECK_EQUAL(found[0], 16.5F);
}

TEST(poolsWithoutAlignment)
{
    RoIAlignParams params = makeParams(1, 1, {1});
    params.aligned = false;
    CHECK_EQUAL(pool({0, 1, 1, 3, 3}, ramp(5, 5), 5, 5, params)[0], 22.F);
    // An empty box is one cell wide.
    CHECK_EQUAL(pool({0, 1, 1, 1, 1}, ramp(5, 5), 5, 5, params)[0], 16.5F);
}

TEST(poolsTwoByTwoBins)
{
    std::vector<float> const found = pool({0, 0, 0, 4, 4}, ramp(4, 4), 4, 4, makeParams(2, 2, {1}));
    std::vector<float> const expected{5.5F, 7.5F, 25.5F, 27.5F};
    CHECK(found == expected);
}

TEST(emptyAndImpossibleRoIsAreZero)
{
    std::vector<float> const map(16, 3.F);
    for (std::vector<float> const& box : {std::vector<float>{0, 2, 2, 2, 2}, {0, 3, 3, 1, 1},
             {0, kNaN, 0, 2, 2}, {0, 0, 0, kInfinity, 2}, {0, -kInfinity, 0, kInfinity, 2},
             {0, 900, 900, 950, 950}, {0, 0, 0, 3e38F, 3e38F}})
    {
        std::vector<float> const found = pool(box, map, 4, 4, makeParams(2, 0, {1}));
        CHECK(std::all_of(found.begin(), found.end(),
            [](float value)
            {
                return value == 0.F;
            }));
    }
}

TEST(noRoIs)
{
    CHECK(pool({}, ramp(4, 4), 4, 4, makeParams(7, 0, {4})).empty());
}

//! As in numerics 4.1: below 112 pixels P2, then P3 to 224, P4 to 448, P5.
TEST(levelsChangeAtTheDocumentedSides)
{
    RoIAlignParams const params = makeParams(7, 0, {4, 8, 16, 32});
    for (auto const& [side, level] : std::vector<std::pair<float, int>>{{1.F, 0}, {111.9F, 0},
             {112.F, 1}, {223.9F, 1}, {224.F, 2}, {447.9F, 2}, {448.F, 3}, {5000.F, 3}})
    {
        float const box[] = {10.F, 20.F, 10.F + side, 20.F + side};
        CHECK_EQUAL(assignLevel(box, params), level);
    }
    float const inverted[] = {10.F, 10.F, 5.F, 500.F};
    CHECK_EQUAL(assignLevel(inverted, params), 0);
}

template <typename T>
void compareWithPlain(RoIAlignParams const& params, std::uint64_t seed, float tolerance)
{
    Random random(seed);
    std::int64_t const batch = 2;
    std::int64_t const channels = 5;
    std::vector<std::vector<T>> maps;
    std::vector<FeatureLevel<T>> levels;
    for (int level = 0; level < params.numLevels; ++level)
    {
        int const height = (60 >> level) + 1;
        int const width = (84 >> level) + 1;
        maps.push_back(random.values<T>(batch * channels * height * width, -4.F, 4.F));
        levels.push_back(FeatureLevel<T>{nullptr, height, width});
    }
    for (int level = 0; level < params.numLevels; ++level)
    {
        levels[level].data = maps[level].data();
    }
    std::vector<float> rois;
    for (int roi = 0; roi < 60; ++roi)
    {
        float const x = random.number(-40.F, 340.F);
        float const y = random.number(-40.F, 240.F);
        float const size = roi % 3 == 0 ? 6.F : 200.F;
        rois.insert(rois.end(),
            {static_cast<float>(roi % 2), x, y, x + random.number(0.F, size),
                y + random.number(0.F, size)});
    }
    std::size_t const count = 60 * 5 * static_cast<std::size_t>(params.outputSize)
        * static_cast<std::size_t>(params.outputSize);
    std::vector<T> found(count);
    std::vector<T> expected(count);
    multiScaleRoIAlign(
        rois.data(), 60, levels.data(), batch, channels, params, found.data(), serially);
    multiScaleRoIAlignPlain(
        rois.data(), 60, levels.data(), batch, channels, params, expected.data());
    for (std::size_t index = 0; index < count; ++index)
    {
        CHECK(std::abs(toFloat(found[index]) - toFloat(expected[index])) <= tolerance);
    }
}

TEST(fastPathsEqualThePlainKernel)
{
    std::uint64_t seed = 0;
    for (int const outputSize : {1, 3, 7, 14, 28})
    {
        for (int const samplingRatio : {0, 1, 2})
        {
            RoIAlignParams const pyramid
                = makeParams(outputSize, samplingRatio, {4, 8, 16, 32, 64});
            compareWithPlain<float>(pyramid, ++seed, 2e-5F);
            compareWithPlain<Half>(pyramid, ++seed, 4e-3F); // one step of a half
            compareWithPlain<float>(makeParams(outputSize, samplingRatio, {4}), ++seed, 2e-5F);
        }
    }
}

} // namespace
