#include "cpu/conv_at_places.h"

#include "cpu/simd.h"

#include <algorithm>
#include <vector>

namespace refinemask
{

namespace
{

constexpr std::int64_t kPlacesPerTask = 384; // a multiple of every block

float const* bitsOf(float const* values)
{
    return values;
}

std::uint16_t const* bitsOf(Half const* values)
{
    return reinterpret_cast<std::uint16_t const*>(values);
}

void convolve(ConvBlock<float> const& block, float* output)
{
    simdFunctions().convolveFloat(block, output);
}

void convolve(ConvBlock<std::uint16_t> const& block, float* output)
{
    simdFunctions().convolveHalf(block, output);
}

//! The weights and biases as the loops read them: in blocks of outputs, the last filled with zeros.
class PackedKernel
{
public:
    template <typename T>
    PackedKernel(T const* weight, T const* bias, std::int64_t channels, PlaceKernel const& kernel)
        : mOutputs(simdFunctions().convOutputs())
        , mTaps(kernel.side * kernel.side)
        , mChannels(channels)
    {
        std::int64_t const blocks = divideUp(kernel.outputs, mOutputs);
        mWeights.resize(static_cast<std::size_t>(blocks * blockSize()));
        mBias.resize(static_cast<std::size_t>(blocks * mOutputs));
        for (std::int64_t output = 0; output < kernel.outputs; ++output)
        {
            mBias[output] = toFloat(bias[output]);
            float* const target
                = mWeights.data() + output / mOutputs * blockSize() + output % mOutputs;
            for (std::int64_t tap = 0; tap < mTaps; ++tap)
            {
                for (std::int64_t channel = 0; channel < channels; ++channel)
                {
                    target[(tap * channels + channel) * mOutputs]
                        = toFloat(weight[(output * channels + channel) * mTaps + tap]);
                }
            }
        }
    }

    float const* weights(std::int64_t block) const
    {
        return mWeights.data() + block * blockSize();
    }

    float const* bias(std::int64_t block) const
    {
        return mBias.data() + block * mOutputs;
    }

private:
    std::int64_t blockSize() const
    {
        return mTaps * mChannels * mOutputs;
    }

    std::int64_t mOutputs; //!< of a block
    std::int64_t mTaps;
    std::int64_t mChannels;
    std::vector<float> mWeights;
    std::vector<float> mBias;
};

//! Where the pixels of the kernel lie for each place of a block.
template <typename T>
class BlockPixels
{
public:
    BlockPixels(T const* maps, MapsShape const& shape, PlaceKernel const& kernel)
        : mMaps(maps)
        , mShape(shape)
        , mAxis(kernelAxis(kernel))
        , mBlock(simdFunctions().convPlaces())
        , mPixels(static_cast<std::size_t>(kernel.side * kernel.side * mBlock))
        , mStrides(mPixels.size())
    {
    }

    //! Only the first `count` places of a block count; the others repeat the last.
    void find(std::int64_t const* places, std::int64_t count)
    {
        for (int i = 0; i < mBlock; ++i)
        {
            locate(places + 3 * std::min<std::int64_t>(i, count - 1), i);
        }
    }

    T const* const* pixels() const
    {
        return mPixels.data();
    }

    std::int64_t const* strides() const
    {
        return mStrides.data();
    }

private:
    static constexpr T kZero{};

    void locate(std::int64_t const* place, int index)
    {
        std::int64_t const plane = planeOf(mShape);
        bool const exists = isMap(mShape, place[0]);
        for (std::int64_t row = 0; row < mAxis.count; ++row)
        {
            std::int64_t const y = pixelAt(mAxis, place[1], row, mShape.height);
            for (std::int64_t column = 0; column < mAxis.count; ++column)
            {
                std::int64_t const x = pixelAt(mAxis, place[2], column, mShape.width);
                bool const inside = exists && y != kOutside && x != kOutside;
                std::int64_t const entry = (row * mAxis.count + column) * mBlock + index;
                mPixels[entry] = inside
                    ? mMaps + place[0] * mShape.channels * plane + y * mShape.width + x
                    : &kZero;
                mStrides[entry] = inside ? plane : 0;
            }
        }
    }

    T const* mMaps;
    MapsShape mShape;
    PlaceAxis mAxis;
    int mBlock;
    std::vector<T const*> mPixels;
    std::vector<std::int64_t> mStrides;
};

} // namespace

template <typename T>
void convAtPlaces(T const* maps, MapsShape const& shape, std::int64_t const* places,
    std::int64_t numPlaces, PlaceKernel const& kernel, T const* weight, T const* bias, T* output,
    ParallelFor const& parallelFor)
{
    SimdFunctions const& simd = simdFunctions();
    std::int64_t const perBlock = simd.convPlaces();
    std::int64_t const outputsPerBlock = simd.convOutputs();
    PackedKernel const packed(weight, bias, shape.channels, kernel);
    int const taps = static_cast<int>(kernel.side * kernel.side);
    parallelFor(divideUp(numPlaces, kPlacesPerTask),
        [&](std::int64_t task)
        {
            BlockPixels pixels(bitsOf(maps), shape, kernel);
            float sums[kMostConvPlaces * kMostConvOutputs];
            std::int64_t const end = std::min((task + 1) * kPlacesPerTask, numPlaces);
            for (std::int64_t first = task * kPlacesPerTask; first < end; first += perBlock)
            {
                std::int64_t const count = std::min(perBlock, end - first);
                pixels.find(places + 3 * first, count);
                for (std::int64_t begin = 0; begin < kernel.outputs; begin += outputsPerBlock)
                {
                    std::int64_t const block = begin / outputsPerBlock;
                    convolve({taps, shape.channels, pixels.pixels(), pixels.strides(),
                                 packed.weights(block), packed.bias(block)},
                        sums);
                    std::int64_t const made = std::min(outputsPerBlock, kernel.outputs - begin);
                    for (std::int64_t i = 0; i < count; ++i)
                    {
                        T* const target = output + (first + i) * kernel.outputs + begin;
                        for (std::int64_t o = 0; o < made; ++o)
                        {
                            target[o] = fromFloat<T>(sums[i * outputsPerBlock + o]);
                        }
                    }
                }
            }
        });
}

template void convAtPlaces<float>(float const*, MapsShape const&, std::int64_t const*, std::int64_t,
    PlaceKernel const&, float const*, float const*, float*, ParallelFor const&);
template void convAtPlaces<Half>(Half const*, MapsShape const&, std::int64_t const*, std::int64_t,
    PlaceKernel const&, Half const*, Half const*, Half*, ParallelFor const&);

} // namespace refinemask
