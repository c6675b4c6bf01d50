#include "cpu/batched_nms.h"
#include "tests/check.h"
#include "tests/random.h"
#include "tests/reference.h"

#include <limits>

namespace
{

using namespace refinemask;
using reference::Selection;
using test::Random;

constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr NmsParams kParams{0.5F, 0.05F, 100, -1, 0};

Selection select(std::vector<float> const& boxes, std::vector<float> const& scores,
    std::int64_t groups, NmsParams const& params)
{
    auto const count = static_cast<std::int64_t>(boxes.size() / 4);
    return batchedNms(boxes.data(), false, scores.data(), 1, count, groups, params, serially);
}

TEST(keepsTheBestOfOverlappingBoxes)
{
    std::vector<float> const boxes{0, 0, 10, 10, 1, 0, 11, 10, 20, 0, 30, 10};
    CHECK(select(boxes, {0.8F, 0.9F, 0.7F}, 1, kParams) == (Selection{{0, 1, 0}, {0, 2, 0}}));
}

TEST(keepsGroupsApart)
{
    std::vector<float> const boxes{0, 0, 10, 10, 1, 0, 11, 10};
    // Box 0 leads in group 0, box 1 in group 1.
    Selection const found = select(boxes, {0.9F, 0.2F, 0.8F, 0.6F}, 2, kParams);
    CHECK(found == (Selection{{0, 0, 0}, {0, 1, 1}}));
}

TEST(anOverlapOfTheThresholdIsKept)
{
    // IoU 50 / 100.
    std::vector<float> const boxes{0, 0, 10, 10, 0, 0, 10, 5};
    CHECK_EQUAL(select(boxes, {0.9F, 0.8F}, 1, kParams).size(), 2U);
    NmsParams lower = kParams;
    lower.iouThreshold = 0.49F;
    CHECK_EQUAL(select(boxes, {0.9F, 0.8F}, 1, lower).size(), 1U);
}

TEST(scoresMustBeAboveTheThreshold)
{
    std::vector<float> const boxes{0, 0, 1, 1, 5, 5, 6, 6, 9, 9, 10, 10};
    CHECK(select(boxes, {0.05F, kNaN, 0.06F}, 1, kParams) == (Selection{{0, 2, 0}}));
}

TEST(equalScoresKeepTheirOrder)
{
    std::vector<float> const boxes{0, 0, 10, 10, 0, 0, 10, 10, 20, 20, 30, 30};
    CHECK(select(boxes, {0.5F, 0.5F, 0.5F}, 1, kParams) == (Selection{{0, 0, 0}, {0, 2, 0}}));
}

TEST(boxesWithoutAreaDoNotOverlap)
{
    std::vector<float> const boxes{3, 3, 3, 3, 3, 3, 3, 3};
    CHECK_EQUAL(select(boxes, {0.9F, 0.8F}, 1, kParams).size(), 2U);
}

TEST(keepsAtMostMaxPerImage)
{
    std::vector<float> const boxes{0, 0, 1, 1, 5, 5, 6, 6, 9, 9, 10, 10};
    NmsParams params = kParams;
    params.maxPerImage = 2;
    CHECK(select(boxes, {0.1F, 0.3F, 0.2F}, 1, params) == (Selection{{0, 1, 0}, {0, 2, 0}}));
}

TEST(nothingToSelect)
{
    CHECK(select({}, {}, 3, kParams).empty());
    CHECK(select({0, 0, 1, 1}, {0.01F}, 1, kParams).empty());
    CHECK(batchedNms(nullptr, true, nullptr, 0, 5, 3, kParams, serially).empty());
}

TEST(imagesAreOrderedAndIndependent)
{
    std::vector<float> const boxes{0, 0, 10, 10, 0, 0, 10, 10, 0, 0, 10, 10, 20, 20, 30, 30};
    std::vector<float> const scores{0.1F, 0.2F, 0.3F, 0.4F};
    Selection const found
        = batchedNms(boxes.data(), false, scores.data(), 2, 2, 1, kParams, serially);
    CHECK(found == (Selection{{0, 1, 0}, {1, 1, 0}, {1, 0, 0}}));
}

//! Boxes of all kinds: many overlaps, negative corners, infinities and NaN.
std::vector<float> makeBoxes(Random& random, std::int64_t count, bool hostile)
{
    std::vector<float> boxes;
    for (std::int64_t box = 0; box < count; ++box)
    {
        float const x = random.number(hostile ? -60.F : 0.F, 100.F);
        float const y = random.number(hostile ? -60.F : 0.F, 100.F);
        boxes.insert(
            boxes.end(), {x, y, x + random.number(-2.F, 40.F), y + random.number(0.F, 40.F)});
        if (hostile && random.integer(0, 60) == 0)
        {
            boxes[boxes.size() - 2] = random.integer(0, 1) == 0 ? kNaN : kInfinity;
        }
    }
    return boxes;
}

TEST(equalsThePlainSelection)
{
    for (int seed = 0; seed < 300; ++seed)
    {
        Random random(static_cast<std::uint64_t>(seed));
        std::int64_t const count = random.integer(0, 120);
        std::int64_t const groups = random.integer(1, 5);
        bool const boxesPerGroup = random.integer(0, 1) == 0;
        std::vector<float> const boxes
            = makeBoxes(random, 2 * count * (boxesPerGroup ? groups : 1), seed % 2 == 0);
        std::vector<float> const scores = random.values<float>(2 * count * groups, 0.F, 1.F);
        NmsParams const params{random.number(0.F, 1.F), random.number(0.F, 0.6F),
            random.integer(1, 80), random.integer(-1, 200), random.integer(0, 2)};
        CHECK(batchedNms(
                  boxes.data(), boxesPerGroup, scores.data(), 2, count, groups, params, serially)
            == reference::batchedNms(
                boxes.data(), boxesPerGroup, scores.data(), 2, count, groups, params));
    }
}

} // namespace
