// The loops of ConvAtPlaces, for the instruction set REFINEMASK_ISA.
#include "cpu/lanes.h"
#include "cpu/simd_loops.h"

namespace
{

using refinemask::ConvBlock;

constexpr int kPlaces = kConvPlaces;
constexpr int kVectors = kConvVectors;
constexpr int kOutputs = kVectors * Wide::kCount;
static_assert(kPlaces <= refinemask::kMostConvPlaces && kOutputs <= refinemask::kMostConvOutputs);

//! The sums of a block stay in registers: a value of a pixel is multiplied with a row of weights.
template <typename T>
void convolve(ConvBlock<T> const& block, float* output)
{
    Wide sums[kPlaces][kVectors];
    for (auto& ofPlace : sums)
    {
        for (int v = 0; v < kVectors; ++v)
        {
            ofPlace[v] = Wide::load(block.bias + v * Wide::kCount);
        }
    }
    float const* weights = block.weights;
    for (int tap = 0; tap < block.taps; ++tap)
    {
        T const* pixels[kPlaces];
        std::int64_t strides[kPlaces];
        for (int i = 0; i < kPlaces; ++i)
        {
            pixels[i] = block.pixels[tap * kPlaces + i];
            strides[i] = block.strides[tap * kPlaces + i];
        }
        for (std::int64_t channel = 0; channel < block.channels; ++channel, weights += kOutputs)
        {
            Wide row[kVectors];
            for (int v = 0; v < kVectors; ++v)
            {
                row[v] = Wide::load(weights + v * Wide::kCount);
            }
            for (int i = 0; i < kPlaces; ++i)
            {
                Wide const value = Wide::broadcast(asFloat(*pixels[i]));
                pixels[i] += strides[i];
                for (int v = 0; v < kVectors; ++v)
                {
                    sums[i][v].multiplyAdd(value, row[v]);
                }
            }
        }
    }
    for (int i = 0; i < kPlaces; ++i)
    {
        for (int v = 0; v < kVectors; ++v)
        {
            sums[i][v].store(output + i * kOutputs + v * Wide::kCount);
        }
    }
}

} // namespace

namespace refinemask::REFINEMASK_ISA
{

int convPlaces()
{
    return kPlaces;
}

int convOutputs()
{
    return kOutputs;
}

void convolveFloat(ConvBlock<float> const& block, float* output)
{
    convolve(block, output);
}

void convolveHalf(ConvBlock<std::uint16_t> const& block, float* output)
{
    convolve(block, output);
}

} // namespace refinemask::REFINEMASK_ISA
