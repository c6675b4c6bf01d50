// MultiScaleRoIAlign on the CPU (kernels/multiscale_roi_align.h says what it computes).
//
// With average pooling a RoI is separable: pooled = Wy * F * Wx^T for each channel, where a row of
// Wy holds the summed weights of a bin's samples over the map's rows, and Wx the same for columns.
// Both are banded and the same for all channels. That is exact but for the order of the additions,
// whatever the number of samples, which then costs nothing.
#pragma once

#include "cpu/parallel.h"
#include "kernels/multiscale_roi_align.h"

namespace refinemask
{

//! Pool `numRois` RoIs (image index, x1, y1, x2, y2) from params.numLevels maps of `batch` images.
//!
//! Writes numRois x channels x S x S. Image indices must be in the range; a RoI of too many samples
//! (kMaxSamples) or with NaN becomes 0. T is float or Half.
template <typename T>
void multiScaleRoIAlign(float const* rois, std::int64_t numRois, FeatureLevel<T> const* levels,
    std::int64_t batch, std::int64_t channels, RoIAlignParams const& params, T* output,
    ParallelFor const& parallelFor);

//! The same by the kernel, one output element after the other: the reference of the above.
template <typename T>
void multiScaleRoIAlignPlain(float const* rois, std::int64_t numRois, FeatureLevel<T> const* levels,
    std::int64_t batch, std::int64_t channels, RoIAlignParams const& params, T* output);

} // namespace refinemask
