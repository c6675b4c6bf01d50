// What pooling a RoI needs to know besides the channel: its maps, samples and tables of weights.
#pragma once

#include "cpu/simd.h"
#include "kernels/multiscale_roi_align.h"

#include <cstdint>
#include <vector>

namespace refinemask
{

class RoIPlan
{
public:
    //! `roi` is image index, x1, y1, x2, y2; the maps of its level are height x width cells.
    RoIPlan(float const* roi, int level, int height, int width, std::int64_t channels,
        RoIAlignParams const& params);

    std::int64_t image() const
    {
        return mImage;
    }

    int level() const
    {
        return mLevel;
    }

    //! First row of the map that is read.
    int top() const
    {
        return mRowFirst.empty() ? 0 : mRowFirst.front();
    }

    AxisSamples const& vertical() const
    {
        return mVertical;
    }

    AxisSamples const& horizontal() const
    {
        return mHorizontal;
    }

    //! Whether the tables are worth it; if not there are none, and pooledValue does the work.
    bool isSeparable() const
    {
        return !mBlocks.empty();
    }

    SeparableView view() const;

    //! Floats that the vertical pass writes.
    std::size_t scratchSize() const;

    std::size_t tableBytes() const;

private:
    int rowStride() const;
    void buildRows();
    void buildColumns();

    std::int64_t mImage;
    int mLevel;
    int mHeight;
    int mWidth;
    int mOutputSize;
    AxisSamples mVertical;
    AxisSamples mHorizontal;
    int mRowTaps{0};
    int mWindowFirst{0};
    int mWindowWidth{0};
    std::vector<int> mRowFirst;
    std::vector<ColumnBlock> mBlocks;
    std::vector<float> mRowWeights;
    std::vector<float> mColumnWeights;
};

} // namespace refinemask
