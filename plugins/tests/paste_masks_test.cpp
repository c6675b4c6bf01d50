#include "cpu/paste_masks.h"
#include "tests/check.h"
#include "tests/random.h"
#include "tests/reference.h"

#include <algorithm>
#include <limits>

namespace
{

using namespace refinemask;
using test::Random;

constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();

using Canvas = std::vector<std::uint8_t>;
using Edges = std::vector<std::int64_t>;

Canvas paste(std::vector<float> const& mask, int maskSize, std::vector<float> const& box,
    std::int64_t height, std::int64_t width)
{
    Canvas canvas(static_cast<std::size_t>(height * width), 7);
    pasteMasks(mask.data(), box.data(), 1, maskSize, height, width, 0.5F, canvas.data(), serially);
    return canvas;
}

TEST(pastesOneCellOverItsBox)
{
    // At a pixel centre right at the box's side, half of the cell's weight is left: on.
    Canvas const expected{0, 0, 0, 0, /**/ 0, 1, 1, 0, /**/ 0, 1, 1, 0, /**/ 0, 0, 0, 0};
    CHECK(paste({1.F}, 1, {1, 1, 3, 3}, 4, 4) != Canvas(16, 0));
    CHECK(paste({1.F, 1.F, 1.F, 1.F}, 2, {1, 1, 3, 3}, 4, 4) == expected);
}

TEST(pastesHalfAMask)
{
    // Left column 1, right column 0, over four pixels: 1, 0.75, 0.25, 0 between the cells' centres.
    Canvas const expected{1, 1, 0, 0, /**/ 1, 1, 0, 0};
    CHECK(paste({1.F, 0.F, 1.F, 0.F}, 2, {0, 0, 4, 2}, 2, 4) == expected);
}

TEST(boxesOutsideAndImpossible)
{
    std::vector<float> const mask(4, 1.F);
    for (std::vector<float> const& box : {std::vector<float>{-20, -20, -10, -10}, {50, 50, 60, 60},
             {kNaN, 0, 4, 4}, {0, 0, kInfinity, 4}, {3e38F, 0, 3.1e38F, 4}, {6, 6, 2, 2}})
    {
        CHECK(paste(mask, 2, box, 5, 5) == Canvas(25, 0));
        Edges edges;
        pasteRuns(mask.data(), 2, box.data(), 5, 5, 0.5F, edges);
        CHECK(edges.empty());
    }
}

TEST(emptyCanvas)
{
    CHECK(paste({1.F}, 1, {0, 0, 4, 4}, 0, 5).empty());
    CHECK(paste({1.F}, 1, {0, 0, 4, 4}, 5, 0).empty());
}

TEST(runsOfAColumn)
{
    Edges edges;
    std::vector<float> const mask(4, 1.F);
    std::vector<float> const box{1, 1, 3, 3};
    pasteRuns(mask.data(), 2, box.data(), 4, 4, 0.5F, edges);
    CHECK(edges == (Edges{5, 7, 9, 11}));
}

template <typename T>
void compareWithPlain()
{
    for (int seed = 0; seed < 200; ++seed)
    {
        Random random(static_cast<std::uint64_t>(seed));
        int const size = random.integer(1, 30);
        std::int64_t const height = random.integer(1, 90);
        std::int64_t const width = random.integer(1, 90);
        std::vector<T> const mask = random.values<T>(size * size, 0.2F, 0.8F);
        float const x = random.number(-60.F, 100.F);
        float const y = random.number(-60.F, 100.F);
        bool const isEmpty = random.integer(0, 9) == 0;
        std::vector<float> const box{
            x, y, isEmpty ? x : x + random.number(-2.F, 100.F), y + random.number(-2.F, 100.F)};
        Canvas const expected
            = reference::pasteMask(mask.data(), size, box.data(), height, width, 0.5F);
        Canvas found(expected.size(), 7);
        pasteMasks(mask.data(), box.data(), 1, size, height, width, 0.5F, found.data(), serially);
        CHECK(found == expected);
        Edges edges;
        pasteRuns(mask.data(), size, box.data(), height, width, 0.5F, edges);
        CHECK(edges == reference::runs(expected, height, width));
    }
}

TEST(pastedBitForBit)
{
    compareWithPlain<float>();
    compareWithPlain<Half>();
}

} // namespace
