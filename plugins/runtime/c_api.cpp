#include "runtime/c_api.h"

#include "cpu/parallel.h"
#include "cpu/paste_masks.h"
#include "image/prepare.h"
#include "image/resize.h"
#include "image/rle.h"
#include "operators/paste_masks.h"
#include "runtime/threads.h"

#include <algorithm>
#include <exception>
#include <string>

namespace
{

using refinemask::PixelFormat;

bool areSizes(std::int64_t count, std::int32_t maskSize, std::int64_t height, std::int64_t width)
{
    refinemask::IntegerRange const sides{0, refinemask::kLargestSide};
    return count >= 0 && maskSize >= 1 && maskSize <= refinemask::kLargestMapSide
        && sides.contains(height) && sides.contains(width);
}

//! Copy what there is room for; return the length of all, or -1 if there is no memory.
std::int64_t copyText(std::string const& all, char* text, std::int64_t capacity)
{
    if (text == nullptr || capacity < 0)
    {
        return -1;
    }
    auto const length = static_cast<std::int64_t>(all.size());
    std::copy_n(all.begin(), std::min(length, capacity), text);
    return length;
}

} // namespace

#pragma GCC visibility push(default)

char const* refinemask_version()
{
    return REFINEMASK_VERSION;
}

std::int32_t refinemask_paste_masks(float const* masks, float const* boxes, std::int64_t count,
    std::int32_t maskSize, std::int64_t height, std::int64_t width, float threshold,
    std::uint8_t* output)
try
{
    if (masks == nullptr || boxes == nullptr || output == nullptr
        || !areSizes(count, maskSize, height, width))
    {
        return -1;
    }
    refinemask::pasteMasks(
        masks, boxes, count, maskSize, height, width, threshold, output, refinemask::serially);
    return 0;
}
catch (std::exception const&)
{
    return -1;
}

std::int64_t refinemask_paste_rle(float const* mask, std::int32_t maskSize, float const* box,
    std::int64_t height, std::int64_t width, float threshold, char* text, std::int64_t capacity)
try
{
    return copyText(
        refinemask::encodePasted(mask, maskSize, box, height, width, threshold), text, capacity);
}
catch (std::exception const&)
{
    return -1;
}

std::int64_t refinemask_encode_rle(std::uint8_t const* bitmap, std::int64_t height,
    std::int64_t width, char* text, std::int64_t capacity)
try
{
    return copyText(
        refinemask::encodeBitmap({bitmap, width, height, width}, height, width), text, capacity);
}
catch (std::exception const&)
{
    return -1;
}

std::int32_t refinemask_resize(std::uint8_t const* source, std::int64_t sourceWidth,
    std::int64_t sourceHeight, std::int64_t sourceStride, std::int32_t sourceFormat,
    std::uint8_t* target, std::int64_t targetWidth, std::int64_t targetHeight,
    std::int64_t targetStride, std::int32_t targetFormat)
try
{
    refinemask::resizeBilinear(
        {source, sourceWidth, sourceHeight, sourceStride, PixelFormat(sourceFormat)},
        {target, targetWidth, targetHeight, targetStride, PixelFormat(targetFormat)},
        refinemask::inThreads(refinemask::kResizeTasksPerThread));
    return 0;
}
catch (std::exception const&)
{
    return -1;
}

std::int32_t refinemask_prepare(std::uint8_t const* source, std::int64_t sourceWidth,
    std::int64_t sourceHeight, std::int64_t sourceStride, std::int32_t sourceFormat,
    std::int64_t shortSide, std::int64_t longSide, std::int64_t divisor, std::int64_t fixedHeight,
    std::int64_t fixedWidth, std::uint8_t* target, std::int64_t targetWidth,
    std::int64_t targetHeight, std::int64_t targetStride, std::int32_t targetFormat)
try
{
    refinemask::prepareImage(
        {source, sourceWidth, sourceHeight, sourceStride, PixelFormat(sourceFormat)},
        {shortSide, longSide, divisor, fixedHeight, fixedWidth},
        {target, targetWidth, targetHeight, targetStride, PixelFormat(targetFormat)},
        refinemask::inThreads(refinemask::kResizeTasksPerThread));
    return 0;
}
catch (std::exception const&)
{
    return -1;
}

#pragma GCC visibility pop
