#include "boundary_refine.h"

#include <algorithm>
#include <vector>

namespace refinemask
{

namespace
{

//! Refines one mask after the other; what only depends on the size is worked out once.
class Refiner
{
public:
    Refiner(int coarseSize, int width)
        : mCoarseSize(coarseSize)
        , mFineSize(2 * coarseSize)
        , mWidth(width)
        , mCoarse(area())
        , mForeground(area())
        , mRowCounts(area())
        , mInterior(area())
        , mWideLogits(2 * area())
        , mWideInterior(2 * area())
    {
        float const scale
            = static_cast<float>(coarseSize - 1) / static_cast<float>(std::max(mFineSize - 1, 1));
        for (int index = 0; index < mFineSize; ++index)
        {
            mTaps.push_back(resizeTap(index, coarseSize, scale));
        }
    }

    template <typename T>
    void refine(T const* coarse, T const* fine, T* output)
    {
        for (std::size_t index = 0; index < area(); ++index)
        {
            mCoarse[index] = toFloat(coarse[index]);
        }
        findInterior();
        widen(mCoarse.data(), mWideLogits.data());
        widen(mInterior.data(), mWideInterior.data());
        for (int row = 0; row < mFineSize; ++row)
        {
            std::int64_t const place = static_cast<std::int64_t>(row) * mFineSize;
            refineRow(mTaps[row], fine + place, output + place);
        }
    }

private:
    std::size_t area() const
    {
        return static_cast<std::size_t>(mCoarseSize) * mCoarseSize;
    }

    //! Mark with 1 the coarse pixels that are not at the boundary, counting windows by rows first.
    void findInterior();

    //! Resize coarse rows to the fine width.
    void widen(float const* coarse, float* wide) const;

    template <typename T>
    void refineRow(ResizeTap const& y, T const* fine, T* output) const;

    int mCoarseSize;
    int mFineSize;
    int mWidth;
    std::vector<ResizeTap> mTaps;
    std::vector<float> mCoarse;
    std::vector<std::uint16_t> mForeground;
    std::vector<std::uint16_t> mRowCounts;
    std::vector<float> mInterior;
    std::vector<float> mWideLogits;
    std::vector<float> mWideInterior;
};

void Refiner::findInterior()
{
    int const size = mCoarseSize;
    for (std::size_t index = 0; index < area(); ++index)
    {
        mForeground[index] = isForeground(mCoarse[index]) ? 1 : 0;
    }
    std::fill(mRowCounts.begin(), mRowCounts.end(), std::uint16_t{0});
    for (int shift = -std::min(mWidth, size - 1); shift <= std::min(mWidth, size - 1); ++shift)
    {
        int const first = std::max(-shift, 0);
        int const last = std::min(size - shift, size);
        for (int row = 0; row < size; ++row)
        {
            std::uint16_t* const counts = mRowCounts.data() + row * size;
            std::uint16_t const* const source = mForeground.data() + row * size + shift;
            for (int column = first; column < last; ++column)
            {
                counts[column] = static_cast<std::uint16_t>(counts[column] + source[column]);
            }
        }
    }
    int const all = (2 * mWidth + 1) * (2 * mWidth + 1);
    std::vector<std::uint16_t> sums(static_cast<std::size_t>(size));
    for (int row = 0; row < size; ++row)
    {
        std::fill(sums.begin(), sums.end(), std::uint16_t{0});
        for (int y = std::max(row - mWidth, 0); y <= std::min(row + mWidth, size - 1); ++y)
        {
            std::uint16_t const* const counts = mRowCounts.data() + y * size;
            for (int column = 0; column < size; ++column)
            {
                sums[column] = static_cast<std::uint16_t>(sums[column] + counts[column]);
            }
        }
        std::uint16_t const* const inside = mForeground.data() + row * size;
        float* const interior = mInterior.data() + row * size;
        for (int column = 0; column < size; ++column)
        {
            int const others = inside[column] != 0 ? all - sums[column] : sums[column];
            interior[column] = enoughOthers(others, mWidth) ? 0.F : 1.F;
        }
    }
}

void Refiner::widen(float const* coarse, float* wide) const
{
    for (int row = 0; row < mCoarseSize; ++row)
    {
        float const* const source = coarse + row * mCoarseSize;
        float* const target = wide + row * mFineSize;
        for (int column = 0; column < mFineSize; ++column)
        {
            ResizeTap const& x = mTaps[column];
            // The inner terms of interpolate(), which are the same for all fine rows.
            target[column] = (1.F - x.highWeight) * source[x.low] + x.highWeight * source[x.high];
        }
    }
}

template <typename T>
void Refiner::refineRow(ResizeTap const& y, T const* fine, T* output) const
{
    float const* const logitsLow = mWideLogits.data() + y.low * mFineSize;
    float const* const logitsHigh = mWideLogits.data() + y.high * mFineSize;
    float const* const interiorLow = mWideInterior.data() + y.low * mFineSize;
    float const* const interiorHigh = mWideInterior.data() + y.high * mFineSize;
    float const highWeight = y.highWeight;
    float const lowWeight = 1.F - y.highWeight;
    for (int column = 0; column < mFineSize; ++column)
    {
        float const keep = lowWeight * interiorLow[column] + highWeight * interiorHigh[column];
        float const old = lowWeight * logitsLow[column] + highWeight * logitsHigh[column];
        T const rounded = fromFloat<T>(old);
        T const next = fine[column];
        output[column] = keep >= 0.5F ? rounded : next;
    }
}

} // namespace

template <typename T>
void boundaryRefine(T const* coarse, T const* fine, std::int64_t count, int coarseSize, int width,
    T* output, ParallelFor const& parallelFor)
{
    constexpr std::int64_t kMasksPerTask = 4;
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
