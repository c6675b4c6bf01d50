// A convolution that keeps the size of its maps, at some of their pixels only.
#pragma once

#include "kernels/places.h"

namespace refinemask
{

//! A square kernel, whose middle lies on the pixel at a place.
struct PlaceKernel
{
    std::int64_t outputs;  //!< channels
    std::int64_t side;     //!< odd
    std::int64_t dilation; //!< pixels of the map between neighbours in the kernel
};

REFINEMASK_HD PlaceAxis kernelAxis(PlaceKernel const& kernel)
{
    return PlaceAxis{kernel.side, 1, kernel.side / 2 * kernel.dilation, kernel.dilation};
}

//! One output: the sum over the pixels and channels that the kernel covers, and a bias.
//!
//! weight is channels x side x side, those of the output.
template <typename T>
REFINEMASK_HD float convolutionAt(T const* maps, MapsShape const& shape, std::int64_t const* place,
    PlaceKernel const& kernel, T const* weight, float bias)
{
    float sum = bias;
    if (!isMap(shape, place[0]))
    {
        return sum;
    }
    PlaceAxis const axis = kernelAxis(kernel);
    std::int64_t const plane = planeOf(shape);
    std::int64_t const taps = kernel.side * kernel.side;
    T const* const map = maps + place[0] * shape.channels * plane;
    for (std::int64_t tap = 0; tap < taps; ++tap)
    {
        std::int64_t const y = pixelAt(axis, place[1], tap / kernel.side, shape.height);
        std::int64_t const x = pixelAt(axis, place[2], tap % kernel.side, shape.width);
        if (y == kOutside || x == kOutside)
        {
            continue;
        }
        T const* const pixel = map + y * shape.width + x;
        for (std::int64_t channel = 0; channel < shape.channels; ++channel)
        {
            sum += toFloat(pixel[channel * plane]) * toFloat(weight[channel * taps + tap]);
        }
    }
    return sum;
}

} // namespace refinemask
