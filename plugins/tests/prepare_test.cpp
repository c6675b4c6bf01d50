#include "image/prepare.h"
#include "tests/check.h"
#include "tests/image_reference.h"

#include <stdexcept>

namespace
{

using namespace refinemask;

constexpr std::int64_t kLargest = 1 << 24;

//! Height and width, resized and padded.
using Sizes = std::vector<std::int64_t>;

Sizes sizes(std::int64_t height, std::int64_t width, PrepareOptions const& options)
{
    PreparedSize const size = preparedSize(height, width, options);
    return {size.height, size.width, size.paddedHeight, size.paddedWidth};
}

std::string refusal(std::int64_t height, std::int64_t width, PrepareOptions const& options)
{
    try
    {
        preparedSize(height, width, options);
    }
    catch (std::invalid_argument const& error)
    {
        return error.what();
    }
    return "";
}

TEST(sizesOfPreparedImages)
{
    PrepareOptions const options{800, 1333};
    CHECK(sizes(480, 640, options) == (Sizes{800, 1067, 800, 1088}));  // the short side decides
    CHECK(sizes(427, 1280, options) == (Sizes{445, 1333, 448, 1344})); // the long one: 444.68
    CHECK(sizes(1200, 600, options) == (Sizes{1333, 667, 1344, 672})); // upright: 666.5
    CHECK(sizes(1, 1, options) == (Sizes{800, 800, 800, 800}));
    CHECK(sizes(20, 20000, options) == (Sizes{1, 1333, 32, 1344}));
    CHECK(sizes(1, 30000, {384, 512}) == (Sizes{1, 512, 32, 512})); // 0.017 becomes at least 1
    CHECK(sizes(50, 70, {60, 100, 7}) == (Sizes{60, 84, 63, 84}));
    CHECK(sizes(kLargest, kLargest, {kLargest, kLargest, kLargest})
        == (Sizes{kLargest, kLargest, kLargest, kLargest}));
}

TEST(fixedSizesLimitTheImage)
{
    CHECK(sizes(1000, 500, {800, 1333, 32, 800, 1344}) == (Sizes{800, 400, 800, 1344}));
    CHECK(sizes(1000, 500, {800, 1333, 32, 0, 300}) == (Sizes{600, 300, 608, 300}));
    CHECK(sizes(500, 1000, {800, 1333, 32, 300, 0}) == (Sizes{300, 600, 300, 608}));
}

TEST(eachAxisHasItsFactor)
{
    PreparedSize const size = preparedSize(3, 1000, {800, 1333});
    CHECK_EQUAL(size.scaleX, 1.333F);
    CHECK_EQUAL(size.scaleY, 4.F / 3.F);
}

TEST(impossibleOptionsAreRefused)
{
    CHECK_EQUAL(refusal(0, 5, {800, 1333}), "prepare: height must be 1 to 16777216, got 0");
    CHECK_EQUAL(refusal(5, kLargest + 1, {800, 1333}),
        "prepare: width must be 1 to 16777216, got 16777217");
    CHECK_EQUAL(refusal(5, 5, {0, 9}), "prepare: short side must be 1 to 16777216, got 0");
    CHECK_EQUAL(refusal(5, 5, {9, -1}), "prepare: long side must be 1 to 16777216, got -1");
    CHECK_EQUAL(refusal(5, 5, {9, 9, 0}), "prepare: divisor must be 1 to 16777216, got 0");
    CHECK_EQUAL(
        refusal(5, 5, {9, 9, 1, -1}), "prepare: fixed height must be 0 to 16777216, got -1");
    CHECK_EQUAL(
        refusal(5, 5, {9, 9, 1, 0, -1}), "prepare: fixed width must be 0 to 16777216, got -1");
}

TEST(preparedImagesArePaddedWithZeros)
{
    std::vector<std::uint8_t> const pixels{10, 20, 30, 1, 40, 50, 60, 1};
    ImageView const source{pixels.data(), 2, 1, 8, PixelFormat::kRGBA};
    constexpr std::int64_t kStride = 13; // one byte more than a row
    std::vector<std::uint8_t> found(3 * kStride, 7);
    PreparedSize const size = prepareImage(
        source, {1, 3, 1, 3, 4}, {found.data(), 4, 3, kStride, PixelFormat::kRGB}, serially);
    CHECK_EQUAL(size.width, 2);
    CHECK_EQUAL(size.height, 1);
    std::vector<std::uint8_t> const expected{10, 20, 30, 40, 50, 60, 0, 0, 0, 0, 0, 0,
        7,                                     // the pixels, and a byte between rows
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7, //
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7};
    CHECK(found == expected);
}

TEST(preparedImagesAreResized)
{
    std::vector<std::uint8_t> const pixels{0, 100, 200, 50};
    ImageView const source{pixels.data(), 2, 2, 2, PixelFormat::kGREY};
    std::vector<std::uint8_t> found(8 * 8 * 3);
    MutableImageView const target{found.data(), 8, 8, 24, PixelFormat::kRGB};
    prepareImage(source, {5, 9, 8}, target, serially);
    MutableImageView const used{found.data(), 5, 5, 24, PixelFormat::kRGB};
    std::vector<std::uint8_t> const expected = reference::resize(source, used);
    for (std::int64_t row = 0; row < 8; ++row)
    {
        for (std::int64_t byte = 0; byte < 24; ++byte)
        {
            bool const isUsed = row < 5 && byte < 15;
            CHECK_EQUAL(static_cast<int>(target.row(row)[byte]),
                isUsed ? static_cast<int>(expected[static_cast<std::size_t>(row * 15 + byte)]) : 0);
        }
    }
}

TEST(targetsOfAnotherSizeAreRefused)
{
    std::vector<std::uint8_t> bytes(64 * 64 * 3);
    ImageView const source{bytes.data(), 6, 5, 18, PixelFormat::kRGB};
    std::string message;
    try
    {
        prepareImage(source, {5, 6}, {bytes.data(), 32, 64, 96, PixelFormat::kRGB}, serially);
    }
    catch (std::invalid_argument const& error)
    {
        message = error.what();
    }
    CHECK_EQUAL(message,
        "prepare: target must be RGB and 32 x 32 pixels (width x height), got 32 x 64 of pixel "
        "format 0");
}

} // namespace
