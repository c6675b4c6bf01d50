// The loops of BoundaryRefine, for the instruction set REFINEMASK_ISA. Products and sums are those
// of kernels/boundary_refine.h in the same order, so the results are the same bit for bit.
#include "cpu/lanes.h"
#include "cpu/simd_loops.h"
#include "kernels/boundary_refine.h"

namespace
{

using refinemask::RefineView;
using refinemask::ResizeTap;

inline void put(float value, float* target)
{
    *target = value;
}

inline void put(float value, std::uint16_t* target)
{
    *target = refinemask::fromFloat<refinemask::Half>(value).bits;
}

//! Read the coarse logits, and count in each row the foreground within the width of the boundary.
template <typename T>
void countRows(RefineView const& view, T const* source)
{
    int const size = view.coarseSize;
    float* __restrict const coarse = view.coarse;
    std::uint16_t* __restrict const foreground = view.foreground;
    for (int index = 0; index < size * size; ++index)
    {
        coarse[index] = asFloat(source[index]);
        foreground[index] = refinemask::isForeground(coarse[index]) ? 1 : 0;
    }
    int const reach = view.width < size ? view.width : size - 1;
    for (int row = 0; row < size; ++row)
    {
        std::uint16_t const* __restrict const pixels = foreground + row * size;
        std::uint16_t* __restrict const counts = view.rowCounts + row * size;
        for (int column = 0; column < size; ++column)
        {
            counts[column] = pixels[column];
        }
        for (int shift = 1; shift <= reach; ++shift)
        {
            for (int column = shift; column < size; ++column)
            {
                counts[column]
                    = static_cast<std::uint16_t>(counts[column] + pixels[column - shift]);
            }
            for (int column = 0; column < size - shift; ++column)
            {
                counts[column]
                    = static_cast<std::uint16_t>(counts[column] + pixels[column + shift]);
            }
        }
    }
}

//! Mark with 1 the coarse pixels that are not at the boundary, from the counts of the rows.
void markInterior(RefineView const& view)
{
    int const size = view.coarseSize;
    int const all = (2 * view.width + 1) * (2 * view.width + 1);
    std::uint16_t* __restrict const sums = view.sums;
    for (int row = 0; row < size; ++row)
    {
        int const first = row > view.width ? row - view.width : 0;
        int const last = row + view.width < size ? row + view.width : size - 1;
        for (int column = 0; column < size; ++column)
        {
            sums[column] = 0;
        }
        for (int y = first; y <= last; ++y)
        {
            std::uint16_t const* __restrict const counts = view.rowCounts + y * size;
            for (int column = 0; column < size; ++column)
            {
                sums[column] = static_cast<std::uint16_t>(sums[column] + counts[column]);
            }
        }
        std::uint16_t const* __restrict const inside = view.foreground + row * size;
        float* __restrict const interior = view.interior + row * size;
        for (int column = 0; column < size; ++column)
        {
            int const others = inside[column] != 0 ? all - sums[column] : sums[column];
            interior[column] = refinemask::enoughOthers(others, view.width) ? 0.F : 1.F;
        }
    }
}

//! Resize coarse rows to the fine width: the inner terms of interpolate(), which all fine rows
//! share.
void widen(RefineView const& view, float const* coarse, float* wide)
{
    for (int row = 0; row < view.coarseSize; ++row)
    {
        float const* const source = coarse + row * view.coarseSize;
        float* const target = wide + row * view.wideStride;
        for (int column = 0; column < view.wideStride; column += Wide::kCount)
        {
            Wide const low
                = Wide::load(view.lowWeight + column) * Wide::pick(source, view.low + column);
            // Two fine columns are about one coarse column apart, so one register holds all cells.
            Wide const high
                = Wide::load(view.highWeight + column) * Wide::pick(source, view.high + column);
            (low + high).store(target + column);
        }
    }
}

template <typename T>
void refineRow(RefineView const& view, int row, T const* fine, T* output)
{
    float const highWeight = view.highWeight[row];
    float const lowWeight = view.lowWeight[row];
    std::int64_t const lowRow = static_cast<std::int64_t>(view.low[row]) * view.wideStride;
    std::int64_t const highRow = static_cast<std::int64_t>(view.high[row]) * view.wideStride;
    float const* const logits[] = {view.wideLogits + lowRow, view.wideLogits + highRow};
    float const* const interior[] = {view.wideInterior + lowRow, view.wideInterior + highRow};
    Wide const low = Wide::broadcast(lowWeight);
    Wide const high = Wide::broadcast(highWeight);
    int column = 0;
    for (; column + Wide::kCount <= view.fineSize; column += Wide::kCount)
    {
        Wide const keep
            = low * Wide::load(interior[0] + column) + high * Wide::load(interior[1] + column);
        Wide const old
            = low * Wide::load(logits[0] + column) + high * Wide::load(logits[1] + column);
        Wide::choose(keep, 0.5F, old, Wide::load(fine + column)).store(output + column);
    }
    for (; column < view.fineSize; ++column)
    {
        float const keep = lowWeight * interior[0][column] + highWeight * interior[1][column];
        float const old = lowWeight * logits[0][column] + highWeight * logits[1][column];
        put(keep >= 0.5F ? old : asFloat(fine[column]), output + column);
    }
}

template <typename T>
void refine(RefineView const& view, T const* coarse, T const* fine, T* output)
{
    countRows(view, coarse);
    markInterior(view);
    widen(view, view.coarse, view.wideLogits);
    widen(view, view.interior, view.wideInterior);
    for (int row = 0; row < view.fineSize; ++row)
    {
        std::int64_t const place = static_cast<std::int64_t>(row) * view.fineSize;
        refineRow(view, row, fine + place, output + place);
    }
}

} // namespace

namespace refinemask::REFINEMASK_ISA
{

void refineFloat(RefineView const& view, float const* coarse, float const* fine, float* output)
{
    refine(view, coarse, fine, output);
}

void refineHalf(RefineView const& view, std::uint16_t const* coarse, std::uint16_t const* fine,
    std::uint16_t* output)
{
    refine(view, coarse, fine, output);
}

} // namespace refinemask::REFINEMASK_ISA
