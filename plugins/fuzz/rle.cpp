// Run-length encoding: any windows and sizes are refused, or any bitmaps and pasted masks are
// encoded as the plain encoder does.
#include "image/rle.h"
#include "fuzz/input.h"
#include "tests/image_reference.h"
#include "tests/reference.h"

#include <stdexcept>

namespace
{

using namespace refinemask;

using Bytes = std::vector<std::uint8_t>;

//! Mostly a small length, at times any integer.
std::int64_t readLength(fuzz::Input& input)
{
    return input.byte() < 245 ? input.integer(0, 40) : input.integer(INT64_MIN, INT64_MAX);
}

void encodeWindow(fuzz::Input& input)
{
    std::int64_t const height = readLength(input);
    std::int64_t const width = readLength(input);
    BitmapView window{nullptr, readLength(input), readLength(input), 0, 0, 0};
    window.stride = input.byte() < 245 && window.width <= 40 ? window.width + input.integer(0, 3)
                                                             : readLength(input);
    window.left = readLength(input);
    window.top = readLength(input);
    bool const isSmall = window.width >= 0 && window.width <= 40 && window.height >= 0
        && window.height <= 40 && window.stride >= window.width && window.stride <= 60;
    Bytes memory(isSmall ? static_cast<std::size_t>(window.height * window.stride) : 1);
    for (std::uint8_t& byte : memory)
    {
        std::uint8_t const value = input.byte();
        byte = value < 128 ? 0 : value; // else all would be on
    }
    window.data = memory.data();
    if (!isSmall && window.width > 0 && window.height > 0 && window.stride >= window.width)
    {
        return; // there is no memory for it
    }
    std::string found;
    try
    {
        found = encodeBitmap(window, height, width);
    }
    catch (std::invalid_argument const&)
    {
        return;
    }
    if (height > 100 || width > 100)
    {
        return; // too large for the plain encoder
    }
    Bytes mask(static_cast<std::size_t>(height * width));
    for (std::int64_t row = 0; window.width > 0 && row < window.height; ++row)
    {
        std::copy_n(window.data + row * window.stride, window.width,
            mask.begin() + (window.top + row) * width + window.left);
    }
    fuzz::require(found == reference::runLengths(mask, height, width), "a window");
}

void encodeMask(fuzz::Input& input)
{
    int const maskSize = static_cast<int>(input.integer(1, 12));
    std::int64_t const height = input.integer(0, 40);
    std::int64_t const width = input.integer(0, 40);
    float const threshold = static_cast<float>(1 + input.byte()) / 256.F;
    std::vector<float> const box = input.numbers<float>(4);
    std::vector<float> mask = input.numbers<float>(maskSize * maskSize);
    for (float& value : mask)
    {
        value /= 64.F; // mostly around the thresholds
    }
    Bytes const canvas
        = reference::pasteMask(mask.data(), maskSize, box.data(), height, width, threshold);
    std::string const found
        = encodePasted(mask.data(), maskSize, box.data(), height, width, threshold);
    fuzz::require(found == reference::runLengths(canvas, height, width), "a pasted mask");
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size)
{
    fuzz::Input input(data, size);
    input.flag() ? encodeWindow(input) : encodeMask(input);
    return 0;
}
