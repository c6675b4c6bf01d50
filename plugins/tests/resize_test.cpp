#include "image/resize.h"
#include "tests/check.h"
#include "tests/image_reference.h"
#include "tests/random.h"

#include <stdexcept>
#include <thread>

namespace
{

using namespace refinemask;
using test::Random;

using Bytes = std::vector<std::uint8_t>;

//! Memory of an image: `padding` bytes between two rows, none behind the last.
Bytes memory(std::int64_t width, std::int64_t height, PixelFormat format, std::int64_t padding)
{
    std::int64_t const row = width * channelCount(format);
    return Bytes(static_cast<std::size_t>((row + padding) * height - padding), 7);
}

template <typename View, typename Memory>
View viewOf(Memory& bytes, std::int64_t width, std::int64_t height, PixelFormat format,
    std::int64_t padding = 0)
{
    return View{bytes.data(), width, height, width * channelCount(format) + padding, format};
}

Bytes resized(Bytes const& source, std::int64_t width, std::int64_t height, PixelFormat format,
    std::int64_t newWidth, std::int64_t newHeight, PixelFormat newFormat)
{
    Bytes target = memory(newWidth, newHeight, newFormat, 0);
    resizeBilinear(viewOf<ImageView>(source, width, height, format),
        viewOf<MutableImageView>(target, newWidth, newHeight, newFormat), serially);
    return target;
}

constexpr PixelFormat kGrey = PixelFormat::kGREY;
constexpr PixelFormat kRgb = PixelFormat::kRGB;

TEST(resizesAPairOfPixels)
{
    // Centres of four pixels lie at -0.25, 0.25, 0.75 and 1.25 of two; beyond the outer ones is
    // their value.
    CHECK(resized({0, 100}, 2, 1, kGrey, 4, 1, kGrey) == (Bytes{0, 25, 75, 100}));
    CHECK(resized({0, 100}, 1, 2, kGrey, 1, 4, kGrey) == (Bytes{0, 25, 75, 100}));
    CHECK(resized({10, 21}, 2, 1, kGrey, 1, 1, kGrey) == (Bytes{16})); // 15.5, up
}

TEST(halvesByMeansOfFour)
{
    CHECK(resized({1, 2, 3, 5}, 2, 2, kGrey, 1, 1, kGrey) == (Bytes{3})); // 2.75
    CHECK(resized({1, 2, 3, 4}, 2, 2, kGrey, 1, 1, kGrey) == (Bytes{3})); // 2.5
    CHECK(resized({1, 2, 3, 3}, 2, 2, kGrey, 1, 1, kGrey) == (Bytes{2})); // 2.25
    CHECK(resized({255, 255, 255, 255}, 2, 2, kGrey, 1, 1, kGrey) == (Bytes{255}));
}

TEST(readsOnePixelOfEachFormat)
{
    Bytes const rgb{1, 2, 3, 1, 2, 3};
    CHECK(resized({1, 2, 3}, 1, 1, kRgb, 2, 1, kRgb) == rgb);
    CHECK(resized({3, 2, 1}, 1, 1, PixelFormat::kBGR, 2, 1, kRgb) == rgb);
    CHECK(resized({1, 2, 3, 9}, 1, 1, PixelFormat::kRGBA, 2, 1, kRgb) == rgb);
    CHECK(resized({3, 2, 1, 9}, 1, 1, PixelFormat::kBGRA, 2, 1, kRgb) == rgb);
    CHECK(resized({5}, 1, 1, kGrey, 2, 1, kRgb) == Bytes(6, 5));
}

TEST(imagesOfEqualSizeStayAsTheyAre)
{
    Bytes const source{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
    CHECK(resized(source, 2, 2, kRgb, 2, 2, kRgb) == source);
    CHECK(resized(source, 4, 3, kGrey, 4, 3, kGrey) == source);
    CHECK(resized(source, 4, 1, PixelFormat::kBGR, 4, 1, kRgb)
        == (Bytes{3, 2, 1, 6, 5, 4, 9, 8, 7, 12, 11, 10}));
}

TEST(resizesBitForBit)
{
    Random random(1);
    for (int round = 0; round < 1500; ++round)
    {
        // Every third time, sides that do not fill a register.
        int const side = round % 3 == 0 ? 12 : 150;
        std::int64_t const newWidth = random.integer(1, side);
        std::int64_t const newHeight = random.integer(1, 30);
        bool const isHalf = round % 4 == 0;
        std::int64_t const width = isHalf ? 2 * newWidth : random.integer(1, side);
        std::int64_t const height = random.integer(1, 30);
        auto const format = static_cast<PixelFormat>(round % 5);
        PixelFormat const newFormat = format == kGrey && random.integer(0, 1) == 0 ? kGrey : kRgb;
        std::int64_t const padding = random.integer(0, 9);
        Bytes source = memory(width, height, format, padding);
        for (std::uint8_t& byte : source)
        {
            byte = static_cast<std::uint8_t>(random.integer(0, 255));
        }
        std::int64_t const newPadding = random.integer(0, 9);
        Bytes target = memory(newWidth, newHeight, newFormat, newPadding);
        auto const from = viewOf<ImageView>(source, width, height, format, padding);
        auto const to
            = viewOf<MutableImageView>(target, newWidth, newHeight, newFormat, newPadding);
        // What is between the rows must stay as it is.
        Bytes expected(target);
        Bytes const rows = reference::resize(from, to);
        std::int64_t const rowBytes = newWidth * channelCount(newFormat);
        for (std::int64_t row = 0; row < newHeight; ++row)
        {
            std::copy_n(
                rows.begin() + row * rowBytes, rowBytes, expected.begin() + row * to.stride);
        }
        resizeBilinear(from, to, serially);
        CHECK(target == expected);
    }
}

void inTwoThreads(std::int64_t total, std::function<void(std::int64_t)> const& body)
{
    std::thread other(
        [&]
        {
            for (std::int64_t task = total / 2; task < total; ++task)
            {
                body(task);
            }
        });
    serially(total / 2, body);
    other.join();
}

TEST(resizesInThreadsAsInOne)
{
    Bytes source = memory(300, 200, kRgb, 0);
    Random random(2);
    for (std::uint8_t& byte : source)
    {
        byte = static_cast<std::uint8_t>(random.integer(0, 255));
    }
    Bytes target = memory(640, 480, kRgb, 0);
    resizeBilinear(viewOf<ImageView>(source, 300, 200, kRgb),
        viewOf<MutableImageView>(target, 640, 480, kRgb), inTwoThreads);
    CHECK(target == resized(source, 300, 200, kRgb, 640, 480, kRgb));
}

TEST(resizingRefusesWhatItCannotDo)
{
    Bytes bytes(64);
    auto const refusal = [&](ImageView const& source, MutableImageView const& target)
    {
        try
        {
            resizeBilinear(source, target, serially);
        }
        catch (std::invalid_argument const& error)
        {
            return std::string(error.what());
        }
        return std::string();
    };
    auto const source = viewOf<ImageView>(bytes, 2, 2, kRgb);
    CHECK_EQUAL(refusal(source, {nullptr, 2, 2, 6, kRgb}),
        "resize: target must have data, got a null pointer");
    CHECK_EQUAL(refusal(source, {bytes.data(), 2, 2, 8, PixelFormat::kRGBA}),
        "resize: target must be RGB, or grey if the source is, got pixel format 2");
    CHECK_EQUAL(refusal(source, {bytes.data(), 2, 2, 2, kGrey}),
        "resize: target must be RGB, or grey if the source is, got pixel format 4");
}

} // namespace
