#include "image/image.h"

#include "operators/attribute.h"
#include "operators/errors.h"
#include "operators/shape.h"

#include <limits>

namespace refinemask
{

void checkImage(char const* function, char const* name, ImageView const& image)
{
    auto const format = static_cast<std::int32_t>(image.format);
    if (format < 0 || format > static_cast<std::int32_t>(PixelFormat::kGREY))
    {
        fail(function, name, " must have a pixel format of 0 (RGB) to 4 (grey), got ", format);
    }
    IntegerRange const sides{1, kLargestSide};
    if (!sides.contains(image.width) || !sides.contains(image.height))
    {
        fail(function, name, " must be 1 to ", kLargestSide, " pixels wide and high, got ",
            image.width, " x ", image.height, " (width x height)");
    }
    std::int64_t const rowBytes = image.width * channelCount(image.format);
    IntegerRange const strides{rowBytes, std::numeric_limits<std::int64_t>::max() / image.height};
    if (!strides.contains(image.stride))
    {
        fail(function, name, " must have a stride of ", strides.lowest, " to ", strides.highest,
            " bytes, got ", image.stride);
    }
    if (image.data == nullptr)
    {
        fail(function, name, " must have data, got a null pointer");
    }
}

} // namespace refinemask
