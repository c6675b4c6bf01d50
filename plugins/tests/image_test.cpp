// Views of images, and what is refused of them.
#include "image/image.h"
#include "tests/check.h"

#include <limits>
#include <stdexcept>

namespace
{

using namespace refinemask;

constexpr std::int64_t kHuge = std::numeric_limits<std::int64_t>::max();

std::string refusal(ImageView const& image)
{
    try
    {
        checkImage("resize", "source", image);
    }
    catch (std::invalid_argument const& error)
    {
        return error.what();
    }
    return "";
}

TEST(pixelsHaveAByteForEachChannel)
{
    CHECK_EQUAL(channelCount(PixelFormat::kRGB), 3);
    CHECK_EQUAL(channelCount(PixelFormat::kBGR), 3);
    CHECK_EQUAL(channelCount(PixelFormat::kRGBA), 4);
    CHECK_EQUAL(channelCount(PixelFormat::kBGRA), 4);
    CHECK_EQUAL(channelCount(PixelFormat::kGREY), 1);
}

TEST(imagesThatCannotBeAreRefused)
{
    std::uint8_t const byte = 0;
    ImageView const image{&byte, 5, 4, 15, PixelFormat::kRGB};
    CHECK_EQUAL(refusal(image), "");
    CHECK_EQUAL(refusal({nullptr, 5, 4, 15, PixelFormat::kRGB}),
        "resize: source must have data, got a null pointer");
    for (std::int64_t const side : {std::int64_t{0}, std::int64_t{-1}, (1L << 24) + 1, kHuge})
    {
        std::string const range = "resize: source must be 1 to 16777216 pixels wide and high, got ";
        CHECK_EQUAL(refusal({&byte, side, 4, kHuge, PixelFormat::kRGB}),
            range + std::to_string(side) + " x 4 (width x height)");
        CHECK_EQUAL(refusal({&byte, 5, side, 15, PixelFormat::kRGB}),
            range + "5 x " + std::to_string(side) + " (width x height)");
    }
    CHECK_EQUAL(refusal({&byte, 5, 4, 14, PixelFormat::kRGB}),
        "resize: source must have a stride of 15 to 2305843009213693951 bytes, got 14");
    CHECK(refusal({&byte, 5, 4, -15, PixelFormat::kRGB}) != "");
    CHECK_EQUAL(refusal({&byte, 5, 4, kHuge / 4, PixelFormat::kRGB}), "");
    CHECK(refusal({&byte, 5, 4, kHuge / 4 + 1, PixelFormat::kRGB}) != "");
    CHECK_EQUAL(refusal({&byte, 5, 4, 15, static_cast<PixelFormat>(5)}),
        "resize: source must have a pixel format of 0 (RGB) to 4 (grey), got 5");
}

} // namespace
