// Resample a mask from its box into the image and threshold it (numerics 9).
//
// Separable: an image row reads two mask rows, a column two mask columns, so both are worked out
// once a box and axis. Only pixels within one pixel of the box can be on.
#pragma once

#include "kernels/host_device.h"

#include <cmath>

namespace refinemask
{

//! Pixels [first, last) of one axis that a box may touch.
struct PasteWindow
{
    std::int64_t first;
    std::int64_t last;
};

//! The two mask cells that a pixel reads on one axis, and their weights; 0 outside the mask.
struct PasteTap
{
    int low;
    int high;
    float lowWeight;
    float highWeight;
};

REFINEMASK_HD bool isFiniteValue(float value)
{
    return value - value == 0.F;
}

//! The window of a box from `start` to `end` pixels on an axis of `length` pixels, empty if NaN.
REFINEMASK_HD PasteWindow pasteWindow(float start, float end, std::int64_t length)
{
    if (!isFiniteValue(start) || !isFiniteValue(end))
    {
        return PasteWindow{0, 0};
    }
    // Compared as floats first: a coordinate may be too large for an integer.
    float const limit = static_cast<float>(length);
    float const low = floorf(start) - 1.F;
    float const high = ceilf(end) + 1.F;
    std::int64_t const first = low <= 0.F ? 0
        : low >= limit                    ? length
                                          : static_cast<std::int64_t>(low);
    std::int64_t const last = high >= limit ? length
        : high <= 0.F                       ? 0
                                            : static_cast<std::int64_t>(high);
    return PasteWindow{first, last > first ? last : first};
}

//! What pixel `pixel` reads of a mask of `size` cells that spans `start` to `end` pixels.
REFINEMASK_HD PasteTap pasteTap(std::int64_t pixel, float start, float end, int size)
{
    float grid = (static_cast<float>(pixel) + 0.5F - start) / (end - start) * 2.F - 1.F;
    if (grid - grid != 0.F && grid == grid)
    {
        grid = 0.F; // Infinite in a box without extent: the mask's centre, as in the official code.
    }
    float cell = ((grid + 1.F) * static_cast<float>(size) - 1.F) / 2.F;
    // Far outside, and NaN, are the same as just outside.
    if (!(cell > -2.F))
    {
        cell = -2.F;
    }
    float const beyond = static_cast<float>(size) + 1.F;
    cell = cell > beyond ? beyond : cell;
    float const floor = floorf(cell);
    int const low = static_cast<int>(floor);
    float const part = cell - floor;
    PasteTap tap{low, low + 1, 1.F - part, part};
    if (low < 0 || low >= size)
    {
        tap.low = low < 0 ? 0 : size - 1;
        tap.lowWeight = 0.F;
    }
    if (low < -1 || low >= size - 1)
    {
        tap.high = low < -1 ? 0 : size - 1;
        tap.highWeight = 0.F;
    }
    return tap;
}

//! Whether a pixel is on, from its taps and the mask (size x size probabilities).
template <typename T>
REFINEMASK_HD bool pastedPixel(
    T const* mask, int size, PasteTap const& y, PasteTap const& x, float threshold)
{
    T const* const top = mask + y.low * size;
    T const* const bottom = mask + y.high * size;
    float const low = toFloat(top[x.low]) * y.lowWeight + toFloat(bottom[x.low]) * y.highWeight;
    float const high = toFloat(top[x.high]) * y.lowWeight + toFloat(bottom[x.high]) * y.highWeight;
    return low * x.lowWeight + high * x.highWeight >= threshold;
}

} // namespace refinemask
