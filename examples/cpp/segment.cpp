// Colour the objects in a picture: segment MODEL.onnx photo.ppm overlay.ppm
#include "ppm.h"

#include <algorithm>
#include <array>
#include <iostream>
#include <refinemask/refinemask.hpp>

using Colour = std::array<int, 3>;

constexpr std::array<Colour, 4> kColours{
    Colour{230, 60, 60}, Colour{60, 140, 230}, Colour{60, 180, 90}, Colour{240, 180, 40}};

void blend(Picture& picture, refinemask::Span<std::uint8_t> mask, Colour const& colour)
{
    for (std::size_t pixel = 0; pixel < mask.size(); ++pixel)
    {
        if (mask[pixel] != 0)
        {
            for (std::size_t channel = 0; channel < 3; ++channel)
            {
                std::uint8_t& value = picture.pixels[3 * pixel + channel];
                value = static_cast<std::uint8_t>((value + colour[channel]) / 2);
            }
        }
    }
}

int main(int count, char** arguments)
try
{
    if (count != 4)
    {
        std::cerr << "usage: segment MODEL.onnx photo.ppm overlay.ppm\n";
        return 2;
    }
    refinemask::Engine const engine(arguments[1]);
    Picture picture = readPicture(arguments[2]);
    refinemask::Image const image{picture.pixels.data(), picture.width, picture.height};
    refinemask::PredictOptions options;
    options.scoreThreshold = 0.5F;
    refinemask::Detections const found = engine.predict(image, options);
    for (std::size_t i = 0; i < found.size(); ++i)
    {
        refinemask::Detection const object = found[i];
        std::cout << object.className << ' ' << object.score << " at " << object.box.x1 << ' '
                  << object.box.y1 << ' ' << object.box.x2 << ' ' << object.box.y2 << '\n';
        blend(picture, object.bitmap, kColours[i % kColours.size()]);
    }
    writePicture(arguments[3], picture);
    return 0;
}
catch (std::exception const& error)
{
    std::cerr << "segment: " << error.what() << '\n';
    return 1;
}
