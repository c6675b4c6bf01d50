// Resizing: any images, strides and formats are refused, or resized as the plain formulas say.
#include "image/resize.h"
#include "fuzz/input.h"
#include "tests/image_reference.h"

#include <stdexcept>

namespace
{

using namespace refinemask;

using Bytes = std::vector<std::uint8_t>;

//! Mostly the side of a small image, at times any integer.
std::int64_t readSide(fuzz::Input& input)
{
    return input.byte() < 240 ? input.integer(1, 70) : input.integer(INT64_MIN, INT64_MAX);
}

ImageView readView(fuzz::Input& input)
{
    auto const format = static_cast<PixelFormat>(input.byte() < 240 ? input.integer(0, 4) : -1);
    std::int64_t const width = readSide(input);
    std::int64_t const height = readSide(input);
    bool const isOrdinary = width > 0 && width <= 70 && input.byte() < 240;
    std::int64_t const stride
        = isOrdinary ? width * 4 + input.integer(0, 5) : input.integer(INT64_MIN, INT64_MAX);
    return ImageView{nullptr, width, height, stride, format};
}

//! Whether it is, whatever its data.
bool isRefused(ImageView view)
{
    std::uint8_t const byte = 0;
    view.data = &byte;
    try
    {
        checkImage("resize", "source", view);
    }
    catch (std::invalid_argument const&)
    {
        return true;
    }
    return false;
}

bool isTooLarge(ImageView const& view)
{
    return !isRefused(view) && (view.width > 70 || view.height > 70 || view.stride > 1000);
}

//! Exactly the memory of the image, or little where it is refused.
Bytes memoryOf(ImageView const& view, fuzz::Input& input)
{
    std::int64_t const bytes = isRefused(view)
        ? 1
        : (view.height - 1) * view.stride + view.width * channelCount(view.format);
    Bytes memory(static_cast<std::size_t>(bytes));
    std::uint8_t const first = input.byte();
    for (std::size_t place = 0; place < memory.size(); ++place)
    {
        memory[place] = static_cast<std::uint8_t>(
            place % 16 == 0 ? input.byte() : 37 * static_cast<unsigned>(place) + first);
    }
    return memory;
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size)
{
    fuzz::Input input(data, size);
    ImageView source = readView(input);
    ImageView const wanted = readView(input);
    if (isTooLarge(source) || isTooLarge(wanted))
    {
        return 0;
    }
    Bytes const sourceMemory = memoryOf(source, input);
    Bytes targetMemory = memoryOf(wanted, input);
    source.data = input.byte() < 250 ? sourceMemory.data() : nullptr;
    MutableImageView const target{
        targetMemory.data(), wanted.width, wanted.height, wanted.stride, wanted.format};
    try
    {
        resizeBilinear(source, target, serially);
    }
    catch (std::invalid_argument const&)
    {
        return 0;
    }
    fuzz::require(!isRefused(source) && !isRefused(target), "what is refused");
    Bytes const expected = reference::resize(source, target);
    std::int64_t const rowBytes = target.width * channelCount(target.format);
    for (std::int64_t row = 0; row < target.height; ++row)
    {
        std::uint8_t const* const found = target.row(row);
        fuzz::require(
            std::equal(found, found + rowBytes, expected.begin() + row * rowBytes), "a row");
    }
    return 0;
}
