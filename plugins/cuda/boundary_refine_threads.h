// What the threads of the boundary refinement kernel do, before and after its barrier.
//
// A block makes a band of rows of one fine mask. It first finds which pixels of the coarse rows
// below are interior, once for the four and more fine pixels that each of them touches; then every
// thread makes as many neighbouring fine pixels as one 16-byte access holds.
#pragma once

#include "cuda/packed.h"
#include "kernels/boundary_refine.h"

namespace refinemask
{

constexpr int kRefineThreads = 256;
constexpr int kBandRows = 8; //!< fine rows of a block
//! The coarse rows that these interpolate between: rows at less than half the distance, and one
//! more.
constexpr int kBandCoarseRows = kBandRows / 2 + 2;

template <typename T>
struct BoundaryRefineArguments
{
    T const* coarse;
    T const* fine;
    T* output;
    int coarseSize;
    int width;
    float scale; //!< coarse cells between two fine pixels
};

//! The distance of fine pixels in coarse cells, with the corners of both in the same place.
inline float refineScale(int coarseSize)
{
    int const last = 2 * coarseSize - 1;
    return static_cast<float>(coarseSize - 1) / static_cast<float>(last);
}

REFINEMASK_HD int bandBottom(int coarseSize, int band)
{
    int const end = (band + 1) * kBandRows;
    return end < 2 * coarseSize ? end : 2 * coarseSize;
}

REFINEMASK_HD int firstCoarseRow(int coarseSize, float scale, int band)
{
    return resizeTap(band * kBandRows, coarseSize, scale).low;
}

//! Before the barrier: a thread's share of the map of interior pixels, kBandCoarseRows x
//! coarseSize.
template <typename T>
REFINEMASK_HD void markInterior(BoundaryRefineArguments<T> const& arguments, std::uint8_t* interior,
    std::int64_t mask, int band, int thread)
{
    int const size = arguments.coarseSize;
    T const* const coarse = arguments.coarse + mask * size * size;
    int const first = firstCoarseRow(size, arguments.scale, band);
    int const last = resizeTap(bandBottom(size, band) - 1, size, arguments.scale).high;
    for (int i = thread; i < (last - first + 1) * size; i += kRefineThreads)
    {
        int const row = i / size;
        interior[i]
            = isBoundary(coarse, size, first + row, i - row * size, arguments.width) ? 0 : 1;
    }
}

template <typename T>
REFINEMASK_HD float refinePixel(T const* coarse, std::uint8_t const* interior, int size,
    int firstRow, ResizeTap const& y, ResizeTap const& x, float fine)
{
    std::uint8_t const* const top = interior + (y.low - firstRow) * size;
    std::uint8_t const* const bottom = interior + (y.high - firstRow) * size;
    bool const keep[4]
        = {top[x.low] != 0, top[x.high] != 0, bottom[x.low] != 0, bottom[x.high] != 0};
    T const* const coarseTop = coarse + y.low * size;
    T const* const coarseBottom = coarse + y.high * size;
    float const values[4] = {toFloat(coarseTop[x.low]), toFloat(coarseTop[x.high]),
        toFloat(coarseBottom[x.low]), toFloat(coarseBottom[x.high])};
    return refinedLogit(y, x, keep, values, fine);
}

//! After the barrier: a thread's share of the band, kCount pixels at a time.
template <typename T, int kCount>
REFINEMASK_HD void refineBand(BoundaryRefineArguments<T> const& arguments,
    std::uint8_t const* interior, std::int64_t mask, int band, int thread)
{
    int const size = arguments.coarseSize;
    int const fineSize = 2 * size;
    int const groups = fineSize / kCount; // of a row
    int const top = band * kBandRows;
    int const rows = bandBottom(size, band) - top;
    int const firstRow = firstCoarseRow(size, arguments.scale, band);
    T const* const coarse = arguments.coarse + mask * size * size;
    for (int item = thread; item < rows * groups; item += kRefineThreads)
    {
        int const row = top + item / groups;
        int const column = item % groups * kCount;
        std::int64_t const place = (mask * fineSize + row) * fineSize + column;
        using Group = Packed<T, kCount>;
        Group pixels = *reinterpret_cast<Group const*>(arguments.fine + place);
        ResizeTap const y = resizeTap(row, size, arguments.scale);
        for (int i = 0; i < kCount; ++i)
        {
            ResizeTap const x = resizeTap(column + i, size, arguments.scale);
            pixels.values[i] = fromFloat<T>(
                refinePixel(coarse, interior, size, firstRow, y, x, toFloat(pixels.values[i])));
        }
        *reinterpret_cast<Group*>(arguments.output + place) = pixels;
    }
}

} // namespace refinemask
