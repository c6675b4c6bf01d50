// Pictures in the format PPM, which needs no library: convert photo.jpg photo.ppm
#pragma once

#include <cstdint>
#include <fstream>
#include <stdexcept>
#include <string>
#include <vector>

struct Picture
{
    std::int64_t width = 0;
    std::int64_t height = 0;
    std::vector<std::uint8_t> pixels; //!< RGB
};

inline Picture readPicture(std::string const& path)
{
    std::ifstream file(path, std::ios::binary);
    std::string kind;
    Picture picture;
    int largest = 0;
    file >> kind >> picture.width >> picture.height >> largest;
    if (!file || kind != "P6" || largest != 255 || picture.width < 1 || picture.height < 1
        || picture.width > 65536 || picture.height > 65536)
    {
        throw std::runtime_error(path + " is not a PPM picture of 8 bits; convert it to one");
    }
    file.get(); // the one blank between header and pixels
    picture.pixels.resize(static_cast<std::size_t>(picture.width * picture.height * 3));
    file.read(reinterpret_cast<char*>(picture.pixels.data()),
        static_cast<std::streamsize>(picture.pixels.size()));
    if (!file)
    {
        throw std::runtime_error(path + " is cut off");
    }
    return picture;
}

inline void writePicture(std::string const& path, Picture const& picture)
{
    std::ofstream file(path, std::ios::binary);
    file << "P6\n" << picture.width << ' ' << picture.height << "\n255\n";
    file.write(reinterpret_cast<char const*>(picture.pixels.data()),
        static_cast<std::streamsize>(picture.pixels.size()));
    if (!file.flush())
    {
        throw std::runtime_error(path + " cannot be written");
    }
}
