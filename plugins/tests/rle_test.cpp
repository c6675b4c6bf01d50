#include "cpu/paste_masks.h"
#include "image/rle.h"
#include "tests/check.h"
#include "tests/image_reference.h"
#include "tests/random.h"

#include <limits>
#include <stdexcept>

namespace
{

using namespace refinemask;
using test::Random;

using Bytes = std::vector<std::uint8_t>;

std::string encode(Bytes const& mask, std::int64_t height, std::int64_t width)
{
    return encodeBitmap({mask.data(), width, height, width}, height, width);
}

template <typename Call>
std::string refusal(Call const& call)
{
    try
    {
        call();
    }
    catch (std::invalid_argument const& error)
    {
        return error.what();
    }
    return "";
}

TEST(encodesColumnAfterColumn)
{
    CHECK_EQUAL(encode({0, 1, 1, 0}, 2, 2), "121");       // 1 off, 2 on, 1 off
    CHECK_EQUAL(encode(Bytes(40, 1), 8, 5), "0X1");       // 0 off, 40 on: 8 + 32, 1
    CHECK_EQUAL(encode(Bytes(40, 0), 8, 5), "X1");        // 40 off
    CHECK_EQUAL(encode({1, 0, 9, 0}, 2, 2), "022");       // whatever is not 0 is on
    CHECK_EQUAL(encode({1, 0, 1, 0, 1}, 1, 5), "011000"); // from the fourth on, differences
    CHECK_EQUAL(encode({1, 1, 1, 0, 1}, 1, 5), "031N");   // 1 - 3 = -2
    CHECK_EQUAL(encode({}, 0, 5), "0");
    CHECK_EQUAL(encode({}, 5, 0), "0");
}

TEST(encodesAWindowOfAMask)
{
    Bytes const window{1, 0, 7, 1, 1, 7}; // two columns and a byte between rows
    CHECK_EQUAL(encodeBitmap({window.data(), 2, 2, 3, 1, 3}, 6, 4),
        reference::runLengths({0, 0, 0, 0, /**/ 0, 0, 0, 0, /**/ 0, 0, 0, 0, /**/ 0, 1, 0, 0, /**/
                                  0, 1, 1, 0, /**/ 0, 0, 0, 0},
            6, 4));
    CHECK_EQUAL(encodeBitmap({nullptr, 0, 2, -1, 4, 1}, 3, 4), "<");
    CHECK_EQUAL(encodeBitmap({nullptr, 2, 0, -1, 2, 3}, 3, 4), "<");
}

TEST(encodesPastedMasks)
{
    std::vector<float> const mask(4, 1.F);
    float const box[] = {1.F, 1.F, 3.F, 3.F};
    // Pixels 5 and 6 of the second column, 9 and 10 of the third: counts 5 2 2 2 5.
    CHECK_EQUAL(encodePasted(mask.data(), 2, box, 4, 4, 0.5F), "52203");
    float const outside[] = {50.F, 50.F, 60.F, 60.F};
    CHECK_EQUAL(encodePasted(mask.data(), 2, outside, 4, 4, 0.5F), "`0");
}

TEST(encodesAsThePlainEncoder)
{
    Random random(1);
    for (int round = 0; round < 500; ++round)
    {
        std::int64_t const height = random.integer(0, 60);
        std::int64_t const width = random.integer(0, 60);
        int const size = random.integer(1, 20);
        float const x = random.number(-20.F, 60.F);
        float const y = random.number(-20.F, 60.F);
        float const box[] = {x, y, x + random.number(-2.F, 60.F), y + random.number(-2.F, 60.F)};
        std::vector<float> const mask = random.values<float>(size * size, 0.2F, 0.8F);
        Bytes canvas(static_cast<std::size_t>(height * width));
        pasteMasks(mask.data(), box, 1, size, height, width, 0.5F, canvas.data(), serially);
        std::string const expected = reference::runLengths(canvas, height, width);
        CHECK_EQUAL(encodePasted(mask.data(), size, box, height, width, 0.5F), expected);
        for (std::uint8_t& pixel : canvas)
        {
            pixel = static_cast<std::uint8_t>(pixel * random.integer(1, 255));
        }
        CHECK_EQUAL(encode(canvas, height, width), expected);
    }
}

TEST(masksThatCannotBeAreRefused)
{
    constexpr std::int64_t kHuge = std::numeric_limits<std::int64_t>::max();
    Bytes const bytes(20);
    auto const refused = [&](BitmapView const& bitmap, std::int64_t height, std::int64_t width)
    {
        return refusal(
            [&]
            {
                encodeBitmap(bitmap, height, width);
            });
    };
    std::string const name = "run-length encoding: ";
    CHECK_EQUAL(refused({bytes.data(), 5, 4, 5}, 4, (1 << 24) + 1),
        name + "width must be 0 to 16777216, got 16777217");
    CHECK_EQUAL(
        refused({bytes.data(), 5, 4, 5}, -1, 5), name + "height must be 0 to 16777216, got -1");
    CHECK_EQUAL(refused({bytes.data(), 5, 4, 4}, 4, 5),
        name + "stride must be 5 to 2305843009213693951, got 4");
    CHECK_EQUAL(refused({bytes.data(), 5, 4, 5, 1, 0}, 4, 5),
        name + "left of the bitmap must be 0 to 0, got 1");
    CHECK_EQUAL(refused({bytes.data(), 5, 4, 5, 0, kHuge}, 4, 5),
        name + "top of the bitmap must be 0 to 0, got " + std::to_string(kHuge));
    CHECK_EQUAL(
        refused({nullptr, 5, 4, 5}, 4, 5), name + "the bitmap must have data, got a null pointer");
    CHECK_EQUAL(
        refused({bytes.data(), 6, 4, 6}, 4, 5), name + "width of the bitmap must be 0 to 5, got 6");
    float const box[] = {0.F, 0.F, 1.F, 1.F};
    CHECK_EQUAL(refusal(
                    [&]
                    {
                        encodePasted(box, 0, box, 4, 4, 0.5F);
                    }),
        name + "mask size must be 1 to 4096, got 0");
    CHECK_EQUAL(refusal(
                    [&]
                    {
                        encodePasted(box, 1, nullptr, 4, 4, 0.5F);
                    }),
        name + "mask and box must have data, got a null pointer");
}

} // namespace
