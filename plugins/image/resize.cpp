#include "image/resize.h"

#include "cpu/simd.h"
#include "image/resize_arithmetic.h"
#include "operators/errors.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <vector>

namespace refinemask
{

namespace
{

constexpr char const* kFunction = "resize";
//! Target pixels of a task: enough to be worth one, and to interpolate few rows twice.
constexpr std::int64_t kTaskPixels = 1 << 15;

//! The columns of a target row, and the memory that their view points to.
class Columns
{
public:
    Columns(ImageView const& source, std::int64_t count, bool isGrey)
        : mView{}
    {
        std::int64_t const channels = channelCount(source.format);
        std::int64_t const last = source.width - 1;
        mView.count = count;
        mView.channels = static_cast<std::int32_t>(channels);
        mView.step = last > 0 ? mView.channels : 0;
        mView.isHalf = source.width == 2 * count;
        mView.isGrey = isGrey;
        std::array<std::int32_t, 3> const colors = colorChannels(source.format);
        std::copy(colors.begin(), colors.end(), mView.colors);
        double const scale = resizeScale(source.width, count);
        for (std::int64_t pixel = 0; pixel < count; ++pixel)
        {
            ImageTap const tap = columnTap(pixel, scale, last);
            std::int64_t const left = tap.low * channels;
            mView.loadable += left + kResizeLoadBytes <= source.width * channels ? 1 : 0;
            mLeft.push_back(static_cast<std::int32_t>(left));
            mWeights.push_back(packedWeights(tap));
        }
        mView.left = mLeft.data();
        mView.weights = mWeights.data();
    }

    Columns(Columns const&) = delete;
    Columns& operator=(Columns const&) = delete;

    ResizeColumns const& view() const
    {
        return mView;
    }

private:
    ResizeColumns mView;
    std::vector<std::int32_t> mLeft;
    std::vector<std::int32_t> mWeights;
};

//! Source rows at the width of the target. A row is kept until another with an index as odd or even
//! is asked for: consecutive target rows often share one.
class InterpolatedRows
{
public:
    InterpolatedRows(ImageView const& source, ResizeColumns const& columns)
        : mSource(source)
        , mColumns(columns)
    {
        std::int64_t const samples = columns.count * (columns.isGrey ? 1 : kResizeColorSamples);
        for (std::vector<std::int16_t>& row : mRows)
        {
            row.resize(static_cast<std::size_t>(samples));
        }
    }

    std::int16_t const* row(std::int64_t index)
    {
        std::int64_t const place = index % 2;
        if (mIndices[place] != index)
        {
            simdFunctions().interpolateRow(mColumns, mSource.row(index), mRows[place].data());
            mIndices[place] = index;
        }
        return mRows[place].data();
    }

private:
    ImageView mSource;
    ResizeColumns mColumns;
    std::array<std::vector<std::int16_t>, 2> mRows;
    std::array<std::int64_t, 2> mIndices{-1, -1};
};

void checkResize(ImageView const& source, ImageView const& target)
{
    checkImage(kFunction, "source", source);
    checkImage(kFunction, "target", target);
    bool const isGrey = source.format == PixelFormat::kGREY && target.format == PixelFormat::kGREY;
    if (target.format != PixelFormat::kRGB && !isGrey)
    {
        fail(kFunction, "target must be RGB, or grey if the source is, got pixel format ",
            static_cast<std::int32_t>(target.format));
    }
}

void copyRows(ImageView const& source, MutableImageView const& target)
{
    auto const rowBytes = static_cast<std::size_t>(source.width * channelCount(source.format));
    for (std::int64_t row = 0; row < source.height; ++row)
    {
        std::memcpy(target.row(row), source.row(row), rowBytes);
    }
}

} // namespace

void resizeBilinear(
    ImageView const& source, MutableImageView const& target, ParallelFor const& parallelFor)
{
    checkResize(source, target);
    if (source.width == target.width && source.height == target.height
        && source.format == target.format)
    {
        copyRows(source, target);
        return;
    }
    bool const isGrey = target.format == PixelFormat::kGREY;
    Columns const columns(source, target.width, isGrey);
    double const scale = resizeScale(source.height, target.height);
    std::int64_t const rowsPerTask = std::max<std::int64_t>(kTaskPixels / target.width, 1);
    parallelFor(divideUp(target.height, rowsPerTask),
        [&](std::int64_t task)
        {
            InterpolatedRows rows(source, columns.view());
            std::int64_t const last = std::min((task + 1) * rowsPerTask, target.height);
            for (std::int64_t row = task * rowsPerTask; row < last; ++row)
            {
                ImageTap const tap = imageTap(row, scale);
                std::int64_t const bottom = source.height - 1;
                ResizeRows const pair{rows.row(nearestRow(tap.low, bottom)),
                    rows.row(nearestRow(tap.low + 1, bottom)), tap.lowWeight, tap.highWeight};
                simdFunctions().blendRows(pair, columns.view(), target.row(row));
            }
        });
}

} // namespace refinemask
