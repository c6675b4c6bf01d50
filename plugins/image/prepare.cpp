#include "image/prepare.h"

#include "image/resize.h"
#include "operators/errors.h"
#include "operators/shape.h"

#include <algorithm>
#include <cstring>

namespace refinemask
{

namespace
{

constexpr char const* kFunction = "prepare";

void require(char const* name, std::int64_t value, std::int64_t lowest)
{
    if (value < lowest || value > kLargestSide)
    {
        fail(kFunction, name, " must be ", lowest, " to ", kLargestSide, ", got ", value);
    }
}

void checkOptions(PrepareOptions const& options)
{
    require("short side", options.shortSide, 1);
    require("long side", options.longSide, 1);
    require("divisor", options.divisor, 1);
    require("fixed height", options.fixedHeight, 0);
    require("fixed width", options.fixedWidth, 0);
}

double ratio(std::int64_t a, std::int64_t b)
{
    return static_cast<double>(a) / static_cast<double>(b);
}

std::int64_t scaled(std::int64_t length, double scale)
{
    auto const rounded = static_cast<std::int64_t>(static_cast<double>(length) * scale + 0.5);
    return std::max<std::int64_t>(rounded, 1);
}

std::int64_t padded(std::int64_t length, std::int64_t divisor)
{
    return divideUp(length, divisor) * divisor;
}

//! Set to zero what is right of and below the resized image.
void clearPadding(MutableImageView const& target, PreparedSize const& size)
{
    auto const rowBytes = static_cast<std::size_t>(target.width * channelCount(target.format));
    auto const usedBytes = static_cast<std::size_t>(size.width * channelCount(target.format));
    for (std::int64_t row = 0; row < target.height; ++row)
    {
        std::size_t const first = row < size.height ? usedBytes : 0;
        std::memset(target.row(row) + first, 0, rowBytes - first);
    }
}

} // namespace

PreparedSize preparedSize(std::int64_t height, std::int64_t width, PrepareOptions const& options)
{
    require("height", height, 1);
    require("width", width, 1);
    checkOptions(options);
    double scale = std::min(ratio(options.longSide, std::max(height, width)),
        ratio(options.shortSide, std::min(height, width)));
    if (options.fixedHeight > 0)
    {
        scale = std::min(scale, ratio(options.fixedHeight, height));
    }
    if (options.fixedWidth > 0)
    {
        scale = std::min(scale, ratio(options.fixedWidth, width));
    }
    PreparedSize size{};
    size.height = scaled(height, scale);
    size.width = scaled(width, scale);
    size.paddedHeight
        = options.fixedHeight > 0 ? options.fixedHeight : padded(size.height, options.divisor);
    size.paddedWidth
        = options.fixedWidth > 0 ? options.fixedWidth : padded(size.width, options.divisor);
    size.scaleX = static_cast<float>(ratio(size.width, width));
    size.scaleY = static_cast<float>(ratio(size.height, height));
    return size;
}

PreparedSize prepareImage(ImageView const& source, PrepareOptions const& options,
    MutableImageView const& target, ParallelFor const& parallelFor)
{
    checkImage(kFunction, "source", source);
    checkImage(kFunction, "target", target);
    PreparedSize const size = preparedSize(source.height, source.width, options);
    if (target.format != PixelFormat::kRGB || target.height != size.paddedHeight
        || target.width != size.paddedWidth)
    {
        fail(kFunction, "target must be RGB and ", size.paddedWidth, " x ", size.paddedHeight,
            " pixels (width x height), got ", target.width, " x ", target.height,
            " of pixel format ", static_cast<std::int32_t>(target.format));
    }
    clearPadding(target, size);
    resizeBilinear(
        source, {target.data, size.width, size.height, target.stride, target.format}, parallelFor);
    return size;
}

} // namespace refinemask
