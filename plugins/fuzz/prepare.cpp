// Preparing: any options and sizes are refused, or give an image that is resized as the plain
// formulas say, and zero around it.
#include "image/prepare.h"
#include "fuzz/input.h"
#include "tests/image_reference.h"

#include <stdexcept>

namespace
{

using namespace refinemask;

using Bytes = std::vector<std::uint8_t>;

//! Mostly a small length, at times any integer.
std::int64_t readLength(fuzz::Input& input, std::int64_t lowest)
{
    return input.byte() < 245 ? input.integer(lowest, 60) : input.integer(INT64_MIN, INT64_MAX);
}

void checkSize(PreparedSize const& size, PrepareOptions const& options)
{
    fuzz::require(size.height >= 1 && size.height <= size.paddedHeight, "the height");
    fuzz::require(size.width >= 1 && size.width <= size.paddedWidth, "the width");
    std::int64_t const longest = std::max(size.height, size.width);
    fuzz::require(longest <= options.longSide, "the long side");
    fuzz::require(std::min(size.height, size.width) <= options.shortSide, "the short side");
    bool const isFixed = options.fixedHeight != 0;
    fuzz::require(isFixed ? size.paddedHeight == options.fixedHeight
                          : size.paddedHeight % options.divisor == 0,
        "the padded height");
}

void checkTarget(ImageView const& source, PreparedSize const& size, MutableImageView const& target)
{
    ImageView const used{target.data, size.width, size.height, target.stride, target.format};
    for (std::int64_t row = 0; row < target.height; ++row)
    {
        for (std::int64_t column = 0; column < target.width; ++column)
        {
            bool const isUsed = row < size.height && column < size.width;
            for (int color = 0; color < 3; ++color)
            {
                int const expected
                    = isUsed ? reference::resizedByte(source, used, column, row, color) : 0;
                fuzz::require(target.row(row)[column * 3 + color] == expected, "a byte");
            }
        }
    }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size)
{
    fuzz::Input input(data, size);
    PrepareOptions const options{readLength(input, 1), readLength(input, 1), readLength(input, 1),
        readLength(input, 0), readLength(input, 0)};
    std::int64_t const height = readLength(input, 1);
    std::int64_t const width = readLength(input, 1);
    PreparedSize prepared{};
    try
    {
        prepared = preparedSize(height, width, options);
    }
    catch (std::invalid_argument const&)
    {
        return 0;
    }
    checkSize(prepared, options);
    if (std::max({height, width, prepared.paddedHeight, prepared.paddedWidth}) > 200)
    {
        return 0;
    }
    auto const format = static_cast<PixelFormat>(input.integer(0, 4));
    Bytes pixels(static_cast<std::size_t>(height * width * channelCount(format)));
    for (std::uint8_t& byte : pixels)
    {
        byte = input.byte();
    }
    ImageView const source{pixels.data(), width, height, width * channelCount(format), format};
    std::int64_t const stride = prepared.paddedWidth * 3;
    Bytes bytes(static_cast<std::size_t>(stride * prepared.paddedHeight), 7);
    MutableImageView const target{
        bytes.data(), prepared.paddedWidth, prepared.paddedHeight, stride, PixelFormat::kRGB};
    prepareImage(source, options, target, serially);
    checkTarget(source, prepared, target);
    return 0;
}
