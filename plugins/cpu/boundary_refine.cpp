#include "cpu/boundary_refine.h"

#include "cpu/simd.h"
#include "operators/boundary_refine.h"

#include <algorithm>
#include <vector>

namespace refinemask
{

namespace
{

// The pixels of a window are counted in 16 bits.
static_assert((2 * kLargestBoundaryWidth + 1) * (2 * kLargestBoundaryWidth + 1) < 1 << 16);

//! What depends on the size of the masks only, and memory for one mask.
class Refiner
{
public:
    Refiner(int coarseSize, int width)
        : mCoarseSize(coarseSize)
        , mWidth(width)
        , mStride(static_cast<int>(divideUp(2 * coarseSize, kWidestLanes)) * kWidestLanes)
        , mFloats(2 * (area() + kWidestLanes) + 2 * static_cast<std::size_t>(coarseSize) * mStride)
        , mCounts(2 * area() + static_cast<std::size_t>(coarseSize))
    {
        int const fineSize = 2 * coarseSize;
        float const scale = static_cast<float>(coarseSize - 1) / static_cast<float>(fineSize - 1);
        for (int index = 0; index < mStride; ++index)
        {
            ResizeTap const tap = resizeTap(std::min(index, fineSize - 1), coarseSize, scale);
            mLow.push_back(tap.low);
            mHigh.push_back(tap.high);
            mLowWeight.push_back(1.F - tap.highWeight);
            mHighWeight.push_back(tap.highWeight);
        }
    }

    void refine(float const* coarse, float const* fine, float* output)
    {
        simdFunctions().refineFloat(view(), coarse, fine, output);
    }

    void refine(Half const* coarse, Half const* fine, Half* output)
    {
        simdFunctions().refineHalf(view(), reinterpret_cast<std::uint16_t const*>(coarse),
            reinterpret_cast<std::uint16_t const*>(fine), reinterpret_cast<std::uint16_t*>(output));
    }

private:
    std::size_t area() const
    {
        return static_cast<std::size_t>(mCoarseSize) * mCoarseSize;
    }

    RefineView view()
    {
        float* const coarse = mFloats.data();
        float* const interior = coarse + area() + kWidestLanes;
        float* const wideLogits = interior + area() + kWidestLanes;
        float* const wideInterior = wideLogits + static_cast<std::size_t>(mCoarseSize) * mStride;
        std::uint16_t* const foreground = mCounts.data();
        return RefineView{mCoarseSize, 2 * mCoarseSize, mWidth, mStride, mLow.data(), mHigh.data(),
            mLowWeight.data(), mHighWeight.data(), coarse, interior, foreground,
            foreground + area(), foreground + 2 * area(), wideLogits, wideInterior};
    }

    int mCoarseSize;
    int mWidth;
    int mStride;
    std::vector<float> mFloats;
    std::vector<std::uint16_t> mCounts;
    std::vector<int> mLow;
    std::vector<int> mHigh;
    std::vector<float> mLowWeight;
    std::vector<float> mHighWeight;
};

} // namespace

template <typename T>
void boundaryRefine(T const* coarse, T const* fine, std::int64_t count, int coarseSize, int width,
    T* output, ParallelFor const& parallelFor)
{
    constexpr std::int64_t kMasksPerTask = 8;
    std::int64_t const coarseArea = static_cast<std::int64_t>(coarseSize) * coarseSize;
    parallelFor(divideUp(count, kMasksPerTask),
        [&](std::int64_t task)
        {
            Refiner refiner(coarseSize, width);
            std::int64_t const end = std::min((task + 1) * kMasksPerTask, count);
            for (std::int64_t mask = task * kMasksPerTask; mask < end; ++mask)
            {
                refiner.refine(coarse + mask * coarseArea, fine + mask * 4 * coarseArea,
                    output + mask * 4 * coarseArea);
            }
        });
}

template void boundaryRefine<float>(
    float const*, float const*, std::int64_t, int, int, float*, ParallelFor const&);
template void boundaryRefine<Half>(
    Half const*, Half const*, std::int64_t, int, int, Half*, ParallelFor const&);

} // namespace refinemask
