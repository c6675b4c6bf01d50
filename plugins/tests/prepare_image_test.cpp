// The CUDA kernel that prepares images, its threads run by the CPU, against what the CPU does.
#include "image/prepare.h"
#include "tests/check.h"
#include "tests/cuda/prepare_by_threads.h"
#include "tests/cuda/thread_order.h"
#include "tests/random.h"

#include <vector>

namespace
{

using namespace refinemask;
using namespace refinemask::test;

struct Case
{
    std::int64_t height;
    std::int64_t width;
    PixelFormat format;
    std::int64_t gap; //!< bytes between rows
    PrepareOptions options;
};

//! Prepare random pixels both ways; nothing behind the last of them is memory of the image.
void checkCase(Case const& given, Random& random)
{
    std::int64_t const rowBytes = given.width * channelCount(given.format);
    std::int64_t const stride = rowBytes + given.gap;
    std::vector<std::uint8_t> pixels;
    for (std::int64_t i = 0; i < stride * (given.height - 1) + rowBytes; ++i)
    {
        pixels.push_back(static_cast<std::uint8_t>(random.integer(0, 255)));
    }
    ImageView const image{pixels.data(), given.width, given.height, stride, given.format};
    PreparedSize const size = preparedSize(given.height, given.width, given.options);
    auto const bytes = static_cast<std::size_t>(size.paddedHeight * size.paddedWidth * 3);
    std::vector<std::uint8_t> expected(bytes, 1);
    prepareImage(image, given.options,
        {expected.data(), size.paddedWidth, size.paddedHeight, size.paddedWidth * 3,
            PixelFormat::kRGB},
        serially);
    for (ThreadOrder const order : {ThreadOrder::kFORWARD, ThreadOrder::kBACKWARD})
    {
        setThreadOrder(order);
        std::vector<std::uint8_t> found(bytes, 2);
        prepareImageByThreads({image, size, found.data()});
        CHECK(found == expected);
    }
    setThreadOrder(ThreadOrder::kFORWARD);
}

TEST(theKernelPreparesImagesAsTheCpuDoes)
{
    Random random(7);
    for (int i = 0; i < 150; ++i)
    {
        int const shortSide = random.integer(1, 90);
        Case given{random.integer(1, 120), random.integer(1, 300),
            static_cast<PixelFormat>(random.integer(0, 4)), random.integer(0, 2) * 5,
            {shortSide, random.integer(shortSide, 2 * shortSide), random.integer(1, 40)}};
        if (i % 3 == 0)
        {
            given.options.fixedHeight = random.integer(1, 70);
            given.options.fixedWidth = random.integer(1, 300);
        }
        checkCase(given, random);
    }
}

TEST(theKernelPreparesImagesOfSpecialSizes)
{
    Random random(8);
    for (int format = 0; format <= 4; ++format)
    {
        auto const pixels = static_cast<PixelFormat>(format);
        checkCase({48, 64, pixels, 0, {48, 64}}, random);  // not resized
        checkCase({96, 128, pixels, 3, {48, 64}}, random); // to the half
        checkCase({1, 1, pixels, 0, {33, 40}}, random);    // one pixel
        checkCase({1, 900, pixels, 0, {60, 300}}, random); // one row, wider than a tile
        checkCase({900, 1, pixels, 7, {60, 300}}, random); // one column
        checkCase({257, 255, pixels, 1, {256, 300}}, random);
    }
}

} // namespace
