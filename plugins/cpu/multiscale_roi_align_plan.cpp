#include "cpu/multiscale_roi_align_plan.h"

#include <algorithm>

namespace refinemask
{

namespace
{

//! The cells that the samples of a bin read: [first, last], none if last < first.
struct Extent
{
    int first;
    int last;
};

//! Whether a sample lies on the map; its low weight is then not 0.
bool isInside(Tap const& tap)
{
    return tap.lowWeight != 0.F;
}

Extent binExtent(AxisSamples const& axis, int bin, int size)
{
    Extent extent{size, -1};
    for (int sample = 0; sample < axis.count; ++sample)
    {
        Tap const tap = sampleTap(samplePosition(axis, bin, sample), size);
        if (isInside(tap))
        {
            extent.first = std::min(extent.first, tap.low);
            extent.last = std::max(extent.last, tap.high);
        }
    }
    return extent;
}

//! Add the weights of a bin's samples to weights[cell * step], for cells counted from `first`.
void addWeights(AxisSamples const& axis, int bin, int size, int first, float* weights, int step)
{
    float const share = 1.F / static_cast<float>(axis.count);
    for (int sample = 0; sample < axis.count; ++sample)
    {
        Tap const tap = sampleTap(samplePosition(axis, bin, sample), size);
        if (isInside(tap))
        {
            weights[static_cast<std::int64_t>(tap.low - first) * step] += share * tap.lowWeight;
            weights[static_cast<std::int64_t>(tap.high - first) * step] += share * tap.highWeight;
        }
    }
}

//! Whether tables are cheaper than the kernel, in units of about one nanosecond for all channels.
//!
//! The kernel works out four products and two positions for each sample of each element. With
//! tables the positions are worked out once for all channels, and a channel costs about an element
//! and cell of the row or column.
bool tablesAreCheaper(AxisSamples const& vertical, AxisSamples const& horizontal, int outputSize,
    std::int64_t channels)
{
    double const size = outputSize;
    double const rows = static_cast<double>(vertical.count) * size;
    double const columns = static_cast<double>(horizontal.count) * size;
    double const plain = 5. * rows * columns * static_cast<double>(channels);
    double const extentX = static_cast<double>(horizontal.binSize) * size;
    double const tapsY = static_cast<double>(vertical.binSize) + 2.;
    double const perChannel = size * (tapsY * (extentX / 16. + 1.) + extentX + size) * 0.3;
    double const tables = 10. * (rows + columns) + 500.;
    return tables + perChannel * static_cast<double>(channels) < plain;
}

} // namespace

RoIPlan::RoIPlan(float const* roi, int level, int height, int width, std::int64_t channels,
    RoIAlignParams const& params)
    : mImage(static_cast<std::int64_t>(roi[0]))
    , mLevel(level)
    , mHeight(height)
    , mWidth(width)
    , mOutputSize(params.outputSize)
    , mVertical(axisSamples(roi[2], roi[4], params.spatialScale[level], params))
    , mHorizontal(axisSamples(roi[1], roi[3], params.spatialScale[level], params))
{
    bool const sampled = mVertical.count > 0 && mHorizontal.count > 0;
    if (sampled && tablesAreCheaper(mVertical, mHorizontal, mOutputSize, channels))
    {
        buildRows();
        buildColumns();
    }
}

void RoIPlan::buildRows()
{
    mRowTaps = 1;
    for (int row = 0; row < mOutputSize; ++row)
    {
        Extent const extent = binExtent(mVertical, row, mHeight);
        mRowFirst.push_back(extent.last < extent.first ? 0 : extent.first);
        mRowTaps = std::max(mRowTaps, extent.last - extent.first + 1);
    }
    mRowWeights.assign(static_cast<std::size_t>(mOutputSize) * mRowTaps, 0.F);
    for (int row = 0; row < mOutputSize; ++row)
    {
        // Every row is a sum of as many rows of the map, some with a weight of 0.
        mRowFirst[row] = std::min(mRowFirst[row], mHeight - mRowTaps);
        float* const weights = mRowWeights.data() + static_cast<std::size_t>(row) * mRowTaps;
        addWeights(mVertical, row, mHeight, mRowFirst[row], weights, 1);
    }
}

void RoIPlan::buildColumns()
{
    int windowLast = -1;
    mWindowFirst = mWidth;
    std::size_t weights = 0;
    for (int column = 0; column < mOutputSize; column += kColumnBlock)
    {
        Extent cells{mWidth, -1};
        for (int i = column; i < std::min(column + kColumnBlock, mOutputSize); ++i)
        {
            Extent const extent = binExtent(mHorizontal, i, mWidth);
            cells = Extent{std::min(cells.first, extent.first), std::max(cells.last, extent.last)};
        }
        int const count = std::max(cells.last - cells.first + 1, 0);
        mBlocks.push_back(
            ColumnBlock{count > 0 ? cells.first : 0, count, static_cast<int>(weights)});
        weights += static_cast<std::size_t>(count) * kColumnBlock;
        if (count > 0)
        {
            mWindowFirst = std::min(mWindowFirst, cells.first);
            windowLast = std::max(windowLast, cells.last);
        }
    }
    mWindowFirst = std::min(mWindowFirst, std::max(windowLast, 0));
    if (windowLast - mWindowFirst >= 4 * kWidestLanes)
    {
        // A wide window may as well begin where a cache line does, if rows do.
        mWindowFirst -= mWindowFirst % kWidestLanes;
    }
    // Whole registers are read, so the window is widened to one, to the left at the map's edge.
    mWindowWidth = std::min(std::max(windowLast - mWindowFirst + 1, kWidestLanes), mWidth);
    mWindowFirst = std::min(mWindowFirst, mWidth - mWindowWidth);
    mColumnWeights.assign(weights, 0.F);
    for (std::size_t index = 0; index < mBlocks.size(); ++index)
    {
        ColumnBlock& block = mBlocks[index];
        for (int lane = 0; lane < kColumnBlock && block.count > 0; ++lane)
        {
            int const column = static_cast<int>(index) * kColumnBlock + lane;
            if (column < mOutputSize)
            {
                addWeights(mHorizontal, column, mWidth, block.first,
                    mColumnWeights.data() + block.weight + lane, kColumnBlock);
            }
        }
        block.first = block.count > 0 ? block.first - mWindowFirst : 0;
    }
}

SeparableView RoIPlan::view() const
{
    return SeparableView{mOutputSize, mWidth, mWindowFirst, mWindowWidth, rowStride(), mRowTaps,
        mRowFirst.data(), mRowWeights.data(), mBlocks.data(), mColumnWeights.data()};
}

int RoIPlan::rowStride() const
{
    for (int const stride : kRowStrides)
    {
        if (mWindowWidth <= stride)
        {
            return stride;
        }
    }
    return mWindowWidth;
}

std::size_t RoIPlan::scratchSize() const
{
    return static_cast<std::size_t>(mOutputSize) * rowStride();
}

std::size_t RoIPlan::tableBytes() const
{
    return sizeof(RoIPlan) + mRowFirst.size() * sizeof(int) + mBlocks.size() * sizeof(ColumnBlock)
        + (mRowWeights.size() + mColumnWeights.size()) * sizeof(float);
}

} // namespace refinemask
