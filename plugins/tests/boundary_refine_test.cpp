#include "cpu/boundary_refine.h"
#include "tests/check.h"
#include "tests/random.h"
#include "tests/reference.h"

#include <algorithm>

namespace
{

using namespace refinemask;
using test::Random;

template <typename T>
std::vector<T> refine(
    std::vector<T> const& coarse, std::vector<T> const& fine, int coarseSize, int width)
{
    auto const count = static_cast<std::int64_t>(coarse.size()) / (coarseSize * coarseSize);
    std::vector<T> output(fine.size());
    boundaryRefine(coarse.data(), fine.data(), count, coarseSize, width, output.data(), serially);
    return output;
}

TEST(backgroundKeepsTheCoarseMask)
{
    std::vector<float> const coarse(25, -3.F);
    std::vector<float> const found = refine(coarse, std::vector<float>(100, 9.F), 5, 1);
    CHECK(std::all_of(found.begin(), found.end(),
        [](float value)
        {
            return value == -3.F;
        }));
}

//! Outside counts as background, so a full mask has a boundary all around it.
TEST(theRimOfAFullMaskIsBoundary)
{
    std::vector<float> const found
        = refine(std::vector<float>(25, 3.F), std::vector<float>(100, 9.F), 5, 1);
    CHECK_EQUAL(found[0], 9.F);
    CHECK_EQUAL(found[9], 9.F);
    CHECK_EQUAL(found[10 * 9 + 5], 9.F);
    CHECK_EQUAL(found[10 * 5 + 5], 3.F);
}

TEST(zeroIsForeground)
{
    std::vector<float> coarse(81, -1.F);
    coarse[40] = 0.F;
    std::vector<float> const found = refine(coarse, std::vector<float>(324, 9.F), 9, 1);
    CHECK_EQUAL(found[18 * 9 + 9], 9.F);
    CHECK_EQUAL(found[0], -1.F);
}

TEST(noMasks)
{
    CHECK(refine(std::vector<float>{}, std::vector<float>{}, 5, 1).empty());
}

//! A pixel is at the boundary from 1 of 9, 3 of 25 and 5 of 49 others on (numerics 8.1).
TEST(enoughOthersAsDocumented)
{
    for (auto const& [width, least] : std::vector<std::pair<int, int>>{{1, 1}, {2, 3}, {3, 5}})
    {
        CHECK(!enoughOthers(least - 1, width));
        CHECK(enoughOthers(least, width));
    }
}

template <typename T>
void compareWithPlain()
{
    for (int seed = 0; seed < 60; ++seed)
    {
        Random random(static_cast<std::uint64_t>(seed));
        int const size = random.integer(1, 30);
        int const width = random.integer(0, 4);
        // Mostly of one sign, as masks are, or at random.
        float const highest = seed % 2 == 0 ? 4.F : 0.3F;
        std::vector<T> const coarse = random.values<T>(3 * size * size, -4.F, highest);
        std::vector<T> const fine = random.values<T>(12 * size * size, -4.F, 4.F);
        std::vector<T> const found = refine(coarse, fine, size, width);
        for (int mask = 0; mask < 3; ++mask)
        {
            std::vector<T> const expected
                = reference::boundaryRefine(coarse.data() + mask * size * size,
                    fine.data() + mask * 4 * size * size, size, width);
            CHECK(
                std::equal(expected.begin(), expected.end(), found.begin() + mask * 4 * size * size,
                    [](T a, T b)
                    {
                        return toFloat(a) == toFloat(b);
                    }));
        }
    }
}

TEST(refinedBitForBit)
{
    compareWithPlain<float>();
    compareWithPlain<Half>();
}

} // namespace
