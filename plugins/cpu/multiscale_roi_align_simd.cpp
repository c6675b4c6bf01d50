// The loops of MultiScaleRoIAlign, for the instruction set REFINEMASK_ISA. All but the loops that
// simd_loops.h declares is in the unnamed namespace.
#include "cpu/lanes.h"
#include "cpu/simd_loops.h"

namespace
{

using refinemask::ColumnBlock;
using refinemask::kColumnBlock;
using refinemask::kRowStrides;
using refinemask::SeparableView;

//! Add up Taps rows of the map, or rowTaps rows if Taps is 0, for each row of the pooled map.
template <int Taps, typename T>
void sumRows(SeparableView const& roi, T const* map, float* rows)
{
    int const taps = Taps > 0 ? Taps : roi.rowTaps;
    for (int row = 0; row < roi.outputSize; ++row)
    {
        T const* const source
            = map + static_cast<std::int64_t>(roi.rowFirst[row]) * roi.mapWidth + roi.windowFirst;
        float const* const weights = roi.rowWeights + static_cast<std::int64_t>(row) * taps;
        float* const target = rows + static_cast<std::int64_t>(row) * roi.rowStride;
        for (int column = 0; column < roi.windowWidth; column += Wide::kCount)
        {
            // The last register overlaps the one before, so that nothing beyond the row is read.
            int const last = roi.windowWidth - Wide::kCount;
            T const* const cells = source + (column < last ? column : last);
            Wide sum = Wide::broadcast(0.F);
            for (int tap = 0; tap < taps; ++tap)
            {
                sum.multiplyAdd(Wide::broadcast(weights[tap]),
                    Wide::load(cells + static_cast<std::int64_t>(tap) * roi.mapWidth));
            }
            sum.store(target + (column < last ? column : last));
        }
    }
}

//! The same where the map is narrower than a register.
template <typename T>
void sumNarrowRows(SeparableView const& roi, T const* map, float* rows)
{
    for (int row = 0; row < roi.outputSize; ++row)
    {
        T const* const source
            = map + static_cast<std::int64_t>(roi.rowFirst[row]) * roi.mapWidth + roi.windowFirst;
        for (int column = 0; column < roi.windowWidth; ++column)
        {
            float sum = 0.F;
            for (int tap = 0; tap < roi.rowTaps; ++tap)
            {
                sum += roi.rowWeights[row * roi.rowTaps + tap]
                    * asFloat(source[tap * roi.mapWidth + column]);
            }
            rows[row * roi.rowStride + column] = sum;
        }
    }
}

//! Write kColumnBlock values of which those beyond the map's end are dropped.
template <typename T>
void storeBlock(Narrow const* sums, T* target, std::int64_t available)
{
    constexpr int kRegisters = kColumnBlock / Narrow::kCount;
    if (available >= kColumnBlock)
    {
        for (int part = 0; part < kRegisters; ++part)
        {
            sums[part].store(target + part * Narrow::kCount);
        }
        return;
    }
    T block[kColumnBlock];
    for (int part = 0; part < kRegisters; ++part)
    {
        sums[part].store(block + part * Narrow::kCount);
    }
    for (std::int64_t index = 0; index < available; ++index)
    {
        target[index] = block[index];
    }
}

//! Multiply `Rows` rows from `row` on with the weights of a block; return whether all is finite.
//!
//! Stride is roi.rowStride, which the compiler then puts into the addresses, or 0 for any. A
//! block's columns beyond the map spill into the next row, which is written afterwards.
template <int Stride, int Rows, typename T>
bool sumColumns(
    SeparableView const& roi, ColumnBlock const& block, float const* rows, int row, T* output)
{
    constexpr int kRegisters = kColumnBlock / Narrow::kCount;
    std::int64_t const stride = Stride > 0 ? Stride : roi.rowStride;
    Narrow sums[Rows][kRegisters];
    for (int i = 0; i < Rows; ++i)
    {
        for (int part = 0; part < kRegisters; ++part)
        {
            sums[i][part] = Narrow::broadcast(0.F);
        }
    }
    float const* source = rows + row * stride + block.first;
    float const* weights = roi.columnWeights + block.weight;
    for (int cell = 0; cell < block.count; ++cell, ++source, weights += kColumnBlock)
    {
        for (int part = 0; part < kRegisters; ++part)
        {
            Narrow const weight = Narrow::load(weights + part * Narrow::kCount);
            for (int i = 0; i < Rows; ++i)
            {
                sums[i][part].multiplyAdd(Narrow::broadcast(source[i * stride]), weight);
            }
        }
    }
    int const side = roi.outputSize;
    int const column = static_cast<int>(&block - roi.blocks) * kColumnBlock;
    // 0 * x is 0, or NaN for infinities and NaN.
    Narrow check = Narrow::broadcast(0.F);
    for (int i = 0; i < Rows; ++i)
    {
        for (int part = 0; part < kRegisters; ++part)
        {
            check.multiplyAdd(sums[i][part], Narrow::broadcast(0.F));
        }
        std::int64_t const place = static_cast<std::int64_t>(row + i) * side + column;
        storeBlock(sums[i], output + place, static_cast<std::int64_t>(side) * side - place);
    }
    return check.isFinite();
}

//! The rows of a block from `row` on, Rows at a time, and then those that remain by fewer.
template <int Stride, int Rows, typename T>
bool sumBlock(
    SeparableView const& roi, ColumnBlock const& block, float const* rows, int row, T* output)
{
    bool finite = true;
    for (; row + Rows <= roi.outputSize; row += Rows)
    {
        finite = sumColumns<Stride, Rows>(roi, block, rows, row, output) && finite;
    }
    if constexpr (Rows > 1)
    {
        if (row < roi.outputSize)
        {
            finite = sumBlock<Stride, Rows / 2>(roi, block, rows, row, output) && finite;
        }
    }
    return finite;
}

template <int Stride, typename T>
bool sumBlocks(SeparableView const& roi, float const* rows, T* output)
{
    bool finite = true;
    // From the last block to the first, because a block spills into the next row's first columns.
    for (int index = (roi.outputSize - 1) / kColumnBlock; index >= 0; --index)
    {
        finite = sumBlock<Stride, kRegisterRows>(roi, roi.blocks[index], rows, 0, output) && finite;
    }
    return finite;
}

template <typename T>
bool pool(SeparableView const& roi, T const* map, float* rows, T* output)
{
    if (roi.windowWidth < Wide::kCount)
    {
        sumNarrowRows(roi, map, rows);
    }
    else
    {
        switch (roi.rowTaps)
        {
        case 2:
            sumRows<2>(roi, map, rows);
            break;
        case 3:
            sumRows<3>(roi, map, rows);
            break;
        case 4:
            sumRows<4>(roi, map, rows);
            break;
        case 5:
            sumRows<5>(roi, map, rows);
            break;
        default:
            sumRows<0>(roi, map, rows);
            break;
        }
    }
    switch (roi.rowStride)
    {
    case kRowStrides[0]:
        return sumBlocks<kRowStrides[0]>(roi, rows, output);
    case kRowStrides[1]:
        return sumBlocks<kRowStrides[1]>(roi, rows, output);
    case kRowStrides[2]:
        return sumBlocks<kRowStrides[2]>(roi, rows, output);
    default:
        return sumBlocks<0>(roi, rows, output);
    }
}

} // namespace

namespace refinemask::REFINEMASK_ISA
{

bool poolFloat(SeparableView const& roi, float const* map, float* rows, float* output)
{
    return pool(roi, map, rows, output);
}

bool poolHalf(
    SeparableView const& roi, std::uint16_t const* map, float* rows, std::uint16_t* output)
{
    return pool(roi, map, rows, output);
}

} // namespace refinemask::REFINEMASK_ISA
