#include "image/polygons.h"
#include "tests/check.h"
#include "tests/image_reference.h"
#include "tests/random.h"

#include <stdexcept>

namespace
{

using namespace refinemask;
using test::Random;

using Bytes = std::vector<std::uint8_t>;

std::string toText(std::vector<Polygon> const& polygons)
{
    std::string text;
    for (Polygon const& polygon : polygons)
    {
        for (Corner const& corner : polygon)
        {
            text += std::to_string(corner.x) + "," + std::to_string(corner.y) + " ";
        }
        text += "; ";
    }
    return text;
}

std::string trace(Bytes const& mask, std::int64_t width)
{
    auto const height = static_cast<std::int64_t>(mask.size()) / width;
    return toText(outlines({mask.data(), width, height, width}));
}

TEST(outlinesRunClockwiseFromTheTopLeft)
{
    CHECK_EQUAL(trace({1}, 1), "0,0 1,0 1,1 0,1 ; ");
    CHECK_EQUAL(trace({0, 1, 1, 1}, 2), "1,0 2,0 2,2 0,2 0,1 1,1 ; ");
    CHECK_EQUAL(trace({0, 0, 0, 0}, 2), "");
}

TEST(outlinesOfPartsComeInOrder)
{
    CHECK_EQUAL(trace({1, 0, 0, 0, 0, 0, 1, 0, 1}, 3),
        "0,0 1,0 1,1 0,1 ; 0,2 1,2 1,3 0,3 ; 2,2 3,2 3,3 2,3 ; ");
}

TEST(outlinesJoinPixelsThatTouchAtACorner)
{
    CHECK_EQUAL(trace({1, 0, 0, 1}, 2), "0,0 1,0 1,1 2,1 2,2 1,2 1,1 0,1 ; ");
}

TEST(outlinesJoinHoles)
{
    CHECK_EQUAL(
        trace({1, 1, 1, 1, 0, 1, 1, 1, 1}, 3), "0,0 1,1 1,2 2,2 2,1 1,1 0,0 3,0 3,3 0,3 ; ");
}

TEST(outlinesAreThoseOfAWindow)
{
    Bytes const window{1, 7, 7, 1, 7, 7}; // a column and two bytes between rows
    CHECK_EQUAL(toText(outlines({window.data(), 1, 2, 3, 40, 50})), "40,50 41,50 41,52 40,52 ; ");
    CHECK_EQUAL(toText(outlines({nullptr, 0, 2, 0, 0, 0})), "");
}

TEST(outlinesRefuseSizes)
{
    bool isRefused = false;
    try
    {
        outlines({nullptr, -1, 2, 0, 0, 0});
    }
    catch (std::invalid_argument const&)
    {
        isRefused = true;
    }
    CHECK(isRefused);
}

TEST(outlinesPaintTheSameBitmapAgain)
{
    Random random(5);
    for (int round = 0; round < 400; ++round)
    {
        std::int64_t const width = random.integer(1, 12);
        std::int64_t const height = random.integer(1, 12);
        int const density = static_cast<int>(random.integer(0, 10));
        Bytes mask(static_cast<std::size_t>(width * height));
        for (std::uint8_t& pixel : mask)
        {
            pixel = random.integer(0, 9) < density ? 1 : 0;
        }
        auto const found = outlines({mask.data(), width, height, width});
        CHECK(reference::paintPolygons(found, width, height) == mask);
    }
}

} // namespace
