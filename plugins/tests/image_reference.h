// What the code of image/ computes, written plainly: what it is compared with, by the tests and by
// the fuzz targets.
#pragma once

#include "image/image.h"
#include "image/polygons.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

namespace refinemask::reference
{

//! What a target pixel reads on one axis, with weights of 11 bits.
struct ImageTap
{
    std::int64_t low;
    std::int64_t high;
    int lowWeight;
    int highWeight;
};

inline ImageTap imageTap(std::int64_t pixel, std::int64_t length, std::int64_t count)
{
    double const scale = 1. / (static_cast<double>(count) / static_cast<double>(length));
    auto const place = static_cast<float>((static_cast<double>(pixel) + 0.5) * scale - 0.5);
    float const floor = std::floor(place);
    float const part = place - floor;
    auto const low = static_cast<std::int64_t>(floor);
    std::int64_t const last = length - 1;
    return ImageTap{std::clamp<std::int64_t>(low, 0, last),
        std::clamp<std::int64_t>(low + 1, 0, last),
        static_cast<int>(std::lrint((1.F - part) * 2048.F)),
        static_cast<int>(std::lrint(part * 2048.F))};
}

inline int channelOf(PixelFormat format, int color)
{
    bool const isReversed = format == PixelFormat::kBGR || format == PixelFormat::kBGRA;
    return format == PixelFormat::kGREY ? 0 : isReversed ? 2 - color : color;
}

//! One byte of a resized image: red, green or blue (0, 1, 2) of a pixel.
inline std::uint8_t resizedByte(
    ImageView const& source, ImageView const& target, std::int64_t x, std::int64_t y, int color)
{
    ImageTap const rows = imageTap(y, source.height, target.height);
    ImageTap columns = imageTap(x, source.width, target.width);
    if (columns.low == columns.high) // at the edge: all of the weight
    {
        columns.lowWeight = 2048;
        columns.highWeight = 0;
    }
    int const channel = channelOf(source.format, color);
    std::int64_t const step = channelCount(source.format);
    auto const interpolated = [&](std::int64_t row)
    {
        std::uint8_t const* const bytes = source.row(row) + channel;
        return (bytes[columns.low * step] * columns.lowWeight
                   + bytes[columns.high * step] * columns.highWeight)
            >> 4;
    };
    int const upper = interpolated(rows.low) * rows.lowWeight >> 16;
    int const lower = interpolated(rows.high) * rows.highWeight >> 16;
    return static_cast<std::uint8_t>((upper + lower + 2) >> 2);
}

//! The rows of a resized image without gaps.
inline std::vector<std::uint8_t> resize(ImageView const& source, ImageView const& target)
{
    std::vector<std::uint8_t> bytes;
    for (std::int64_t y = 0; y < target.height; ++y)
    {
        for (std::int64_t x = 0; x < target.width; ++x)
        {
            for (int color = 0; color < channelCount(target.format); ++color)
            {
                bytes.push_back(resizedByte(source, target, x, y, color));
            }
        }
    }
    return bytes;
}

//! COCO's text for a mask, height x width bytes in rows.
inline std::string runLengths(
    std::vector<std::uint8_t> const& mask, std::int64_t height, std::int64_t width)
{
    std::vector<std::int64_t> counts{0};
    for (std::int64_t column = 0; column < width; ++column)
    {
        for (std::int64_t row = 0; row < height; ++row)
        {
            bool const isOn = mask[static_cast<std::size_t>(row * width + column)] != 0;
            bool const isOnNow = counts.size() % 2 == 0;
            if (isOn != isOnNow)
            {
                counts.push_back(0);
            }
            ++counts.back();
        }
    }
    std::string text;
    for (std::size_t place = 0; place < counts.size(); ++place)
    {
        std::int64_t number = counts[place] - (place > 2 ? counts[place - 2] : 0);
        for (bool more = true; more;)
        {
            std::int64_t const bits = number & 31;
            number >>= 5;
            more = bits < 16 ? number != 0 : number != -1;
            text += static_cast<char>(48 + bits + (more ? 32 : 0));
        }
    }
    return text;
}

//! Paint polygons of pixel edges: what is to the right of an odd number of vertical edges is on.
//! The cuts between outlines and holes are passed twice.
inline std::vector<std::uint8_t> paintPolygons(
    std::vector<Polygon> const& polygons, std::int64_t width, std::int64_t height)
{
    std::vector<std::uint8_t> mask(static_cast<std::size_t>(width * height));
    for (Polygon const& polygon : polygons)
    {
        for (std::size_t i = 0; i < polygon.size(); ++i)
        {
            Corner const from = polygon[i];
            Corner const to = polygon[(i + 1) % polygon.size()];
            for (std::int64_t y = std::min(from.y, to.y); y < std::max(from.y, to.y); ++y)
            {
                for (std::int64_t x = from.x; from.x == to.x && x < width; ++x)
                {
                    mask[static_cast<std::size_t>(y * width + x)] ^= 1U;
                }
            }
        }
    }
    return mask;
}

} // namespace refinemask::reference
