// Images of 8 bits a channel, as views of memory that somebody else owns.
#pragma once

#include <array>
#include <cstdint>

namespace refinemask
{

//! The channels of a pixel, in the order of their bytes. Alpha is never read.
enum class PixelFormat : std::int32_t
{
    kRGB,
    kBGR,
    kRGBA,
    kBGRA,
    kGREY
};

//! Bytes of a pixel.
constexpr std::int64_t channelCount(PixelFormat format)
{
    return format == PixelFormat::kGREY                                ? 1
        : format == PixelFormat::kRGBA || format == PixelFormat::kBGRA ? 4
                                                                       : 3;
}

//! The channels of a pixel that are red, green and blue.
constexpr std::array<std::int32_t, 3> colorChannels(PixelFormat format)
{
    bool const isReversed = format == PixelFormat::kBGR || format == PixelFormat::kBGRA;
    return format == PixelFormat::kGREY ? std::array<std::int32_t, 3>{0, 0, 0}
        : isReversed                    ? std::array<std::int32_t, 3>{2, 1, 0}
                                        : std::array<std::int32_t, 3>{0, 1, 2};
}

//! An image to read: rows from the top, each `stride` bytes after the one before.
struct ImageView
{
    std::uint8_t const* data;
    std::int64_t width;  //!< in pixels
    std::int64_t height; //!< in pixels
    std::int64_t stride; //!< in bytes, at least those of a row
    PixelFormat format;

    std::uint8_t const* row(std::int64_t index) const
    {
        return data + index * stride;
    }
};

//! An image to write; bytes between its rows are left as they are.
struct MutableImageView
{
    std::uint8_t* data;
    std::int64_t width;
    std::int64_t height;
    std::int64_t stride;
    PixelFormat format;

    operator ImageView() const
    {
        return ImageView{data, width, height, stride, format};
    }

    std::uint8_t* row(std::int64_t index) const
    {
        return data + index * stride;
    }
};

//! Throw std::invalid_argument unless the image, called `name` in what `function` takes, has a
//! known format, memory, sides of 1 to kLargestSide (operators/shape.h) pixels, and rows that do
//! not overlap and whose distances fit in 64 bits.
void checkImage(char const* function, char const* name, ImageView const& image);

} // namespace refinemask
