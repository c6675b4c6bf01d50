// The loops of resizing, for the instruction set REFINEMASK_ISA.
#include "cpu/simd_loops.h"
#include "image/resize_arithmetic.h"

#if defined(__AVX2__)
#include "image/resize_avx2.h"
#else
// Any other CPU: what the compiler makes of plain loops.
namespace
{

using namespace refinemask;

std::int64_t interpolateColors(ResizeColumns const&, std::uint8_t const*, std::int16_t*)
{
    return 0;
}

std::int64_t interpolateGreys(ResizeColumns const&, std::uint8_t const*, std::int16_t*)
{
    return 0;
}

void blendSamples(
    ResizeRows const& rows, std::int64_t first, std::int64_t count, std::uint8_t* __restrict target)
{
    std::int16_t const* __restrict const top = rows.top + first;
    std::int16_t const* __restrict const bottom = rows.bottom + first;
    ResizeRows const weights = rows;
    for (std::int64_t sample = 0; sample < count; ++sample)
    {
        target[sample]
            = blend(top[sample], bottom[sample], weights.topWeight, weights.bottomWeight);
    }
}

std::int64_t blendColors(ResizeRows const& rows, ResizeColumns const& columns, std::uint8_t* target)
{
    constexpr std::int64_t kPixels = 128;
    std::uint8_t samples[kPixels * kResizeColorSamples];
    for (std::int64_t first = 0; first < columns.count; first += kPixels)
    {
        std::int64_t const count = lesser(kPixels, columns.count - first);
        blendSamples(rows, first * kResizeColorSamples, count * kResizeColorSamples, samples);
        for (std::int64_t pixel = 0; pixel < count; ++pixel)
        {
            for (int color = 0; color < 3; ++color)
            {
                target[(first + pixel) * 3 + color]
                    = samples[pixel * kResizeColorSamples + columns.colors[color]];
            }
        }
    }
    return columns.count;
}

std::int64_t blendGreys(ResizeRows const& rows, ResizeColumns const& columns, std::uint8_t* target)
{
    blendSamples(rows, 0, columns.count, target);
    return columns.count;
}

} // namespace
#endif

namespace refinemask::REFINEMASK_ISA
{

void interpolateRow(ResizeColumns const& columns, std::uint8_t const* source, std::int16_t* target)
{
    std::int64_t pixel = columns.isGrey ? interpolateGreys(columns, source, target)
                                        : interpolateColors(columns, source, target);
    std::int64_t const samples = columns.isGrey ? 1 : kResizeColorSamples;
    for (; pixel < columns.count; ++pixel)
    {
        std::uint8_t const* const left = source + columns.left[pixel];
        for (std::int32_t sample = 0; sample < columns.channels; ++sample)
        {
            target[pixel * samples + sample]
                = interpolate(left[sample], left[sample + columns.step], columns.weights[pixel]);
        }
    }
}

void blendRows(ResizeRows const& rows, ResizeColumns const& columns, std::uint8_t* target)
{
    std::int64_t pixel
        = columns.isGrey ? blendGreys(rows, columns, target) : blendColors(rows, columns, target);
    std::int64_t const colors = columns.isGrey ? 1 : 3;
    std::int64_t const samples = columns.isGrey ? 1 : kResizeColorSamples;
    for (; pixel < columns.count; ++pixel)
    {
        for (std::int64_t color = 0; color < colors; ++color)
        {
            std::int64_t const sample = pixel * samples + columns.colors[color];
            target[pixel * colors + color]
                = blend(rows.top[sample], rows.bottom[sample], rows.topWeight, rows.bottomWeight);
        }
    }
}

} // namespace refinemask::REFINEMASK_ISA
