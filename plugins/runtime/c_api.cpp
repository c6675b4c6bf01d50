#include "runtime/c_api.h"

#include "cpu/parallel.h"
#include "cpu/paste_masks.h"

#include <algorithm>
#include <exception>
#include <vector>

namespace
{

//! No axis is as long: pixel indices stay exact in float32, and their products far below 2^63.
constexpr std::int64_t kMaxLength = 1 << 24;
constexpr std::int32_t kMaxMaskSize = 1 << 14;

bool areSizes(std::int32_t maskSize, std::int64_t height, std::int64_t width)
{
    return maskSize > 0 && maskSize <= kMaxMaskSize && height >= 0 && height <= kMaxLength
        && width >= 0 && width <= kMaxLength;
}

} // namespace

#pragma GCC visibility push(default)

char const* refinemask_native_version()
{
    return REFINEMASK_VERSION;
}

std::int32_t refinemask_paste_masks(float const* masks, float const* boxes, std::int64_t count,
    std::int32_t maskSize, std::int64_t height, std::int64_t width, float threshold,
    std::uint8_t* output)
try
{
    if (masks == nullptr || boxes == nullptr || output == nullptr || count < 0
        || !areSizes(maskSize, height, width))
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

std::int64_t refinemask_paste_runs(float const* mask, std::int32_t maskSize, float const* box,
    std::int64_t height, std::int64_t width, float threshold, std::int64_t* edges,
    std::int64_t capacity)
try
{
    if (mask == nullptr || box == nullptr || edges == nullptr || capacity < 0
        || !areSizes(maskSize, height, width))
    {
        return -1;
    }
    std::vector<std::int64_t> found;
    refinemask::pasteRuns(mask, maskSize, box, height, width, threshold, found);
    auto const size = static_cast<std::int64_t>(found.size());
    std::copy_n(found.begin(), std::min(size, capacity), edges);
    return size;
}
catch (std::exception const&)
{
    return -1;
}

#pragma GCC visibility pop
