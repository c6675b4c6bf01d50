// ConvAtPlaces on the CPU (kernels/conv_at_places.h says what it computes).
#pragma once

#include "cpu/parallel.h"
#include "kernels/conv_at_places.h"

namespace refinemask
{

//! A convolution at places of maps: output is numPlaces x kernel.outputs. T is float or Half; sums
//! are float32.
template <typename T>
void convAtPlaces(T const* maps, MapsShape const& shape, std::int64_t const* places,
    std::int64_t numPlaces, PlaceKernel const& kernel, T const* weight, T const* bias, T* output,
    ParallelFor const& parallelFor);

} // namespace refinemask
