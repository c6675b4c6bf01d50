// What the threads of the kernel that prepares images do, before and after its barrier.
//
// A block makes a tile of the padded image: some of its threads work out what the rows of the tile
// read of the source, and every thread goes down a column, working out once what that reads.
// Neighbouring threads read and write neighbouring pixels.
#pragma once

#include "cuda/library.h"
#include "image/resize_arithmetic.h"

namespace refinemask
{

constexpr int kPrepareThreads = 256; //!< and columns of a tile
constexpr int kPrepareRows = 16;     //!< of a tile

struct PrepareImageArguments
{
    std::uint8_t const* source;
    std::int64_t sourceStride; //!< bytes
    std::int64_t lastRow;      //!< of the source
    std::int64_t lastColumn;   //!< likewise
    std::int32_t channels;     //!< of a source pixel
    std::int32_t colors[3];    //!< the channels that are red, green and blue
    double scaleY;             //!< source pixels of a pixel of the resized image
    double scaleX;
    std::uint8_t* target;
    std::int64_t height; //!< of the resized image
    std::int64_t width;
    std::int64_t paddedHeight;
    std::int64_t paddedWidth;
};

//! What a row of the resized image reads.
struct RowSource
{
    std::uint8_t const* top;
    std::uint8_t const* bottom;
    std::int16_t topWeight;
    std::int16_t bottomWeight;
};

//! The part of the padded image that a block makes: rows and columns from these on.
struct PreparedTile
{
    std::int64_t row;
    std::int64_t column;
};

inline PrepareImageArguments prepareImageArguments(PrepareImageLaunch const& launch)
{
    ImageView const& source = launch.source;
    PreparedSize const& size = launch.size;
    auto const colors = colorChannels(source.format);
    return PrepareImageArguments{source.data, source.stride, source.height - 1, source.width - 1,
        static_cast<std::int32_t>(channelCount(source.format)), {colors[0], colors[1], colors[2]},
        resizeScale(source.height, size.height), resizeScale(source.width, size.width),
        launch.target, size.height, size.width, size.paddedHeight, size.paddedWidth};
}

//! Tiles beside each other.
REFINEMASK_HD std::int64_t tileColumns(PrepareImageArguments const& arguments)
{
    return (arguments.paddedWidth + kPrepareThreads - 1) / kPrepareThreads;
}

REFINEMASK_HD std::int64_t tileCount(PrepareImageArguments const& arguments)
{
    return tileColumns(arguments) * ((arguments.paddedHeight + kPrepareRows - 1) / kPrepareRows);
}

REFINEMASK_HD PreparedTile preparedTile(PrepareImageArguments const& arguments, std::int64_t index)
{
    std::int64_t const columns = tileColumns(arguments);
    return PreparedTile{index / columns * kPrepareRows, index % columns * kPrepareThreads};
}

//! Before the barrier: what each row of the tile reads, if it is not padding.
REFINEMASK_HD void tabulateSources(PrepareImageArguments const& arguments,
    RowSource (&rows)[kPrepareRows], PreparedTile const& tile, int thread)
{
    std::int64_t const row = tile.row + thread;
    if (thread < kPrepareRows && row < arguments.height)
    {
        ImageTap const tap = imageTap(row, arguments.scaleY);
        std::int64_t const top = nearestRow(tap.low, arguments.lastRow);
        std::int64_t const bottom = nearestRow(tap.low + 1, arguments.lastRow);
        rows[thread] = RowSource{arguments.source + top * arguments.sourceStride,
            arguments.source + bottom * arguments.sourceStride, tap.lowWeight, tap.highWeight};
    }
}

//! What a column of the resized image reads of a row.
struct ColumnSource
{
    std::int64_t left; //!< bytes from the start of the row to the left one of two pixels
    std::int32_t step; //!< bytes from there to the right one
    std::int32_t weights;
};

REFINEMASK_HD ColumnSource columnSource(PrepareImageArguments const& arguments, std::int64_t column)
{
    ImageTap const tap = columnTap(column, arguments.scaleX, arguments.lastColumn);
    return ColumnSource{tap.low * arguments.channels,
        arguments.lastColumn > 0 ? arguments.channels : 0, packedWeights(tap)};
}

REFINEMASK_HD std::int16_t columnSample(
    std::uint8_t const* row, ColumnSource const& column, std::int32_t channel)
{
    std::uint8_t const* const left = row + column.left + channel;
    return interpolate(left[0], left[column.step], column.weights);
}

//! After the barrier: a thread's column of the tile.
REFINEMASK_HD void prepareColumn(PrepareImageArguments const& arguments,
    RowSource const (&rows)[kPrepareRows], PreparedTile const& tile, int thread)
{
    std::int64_t const column = tile.column + thread;
    if (column >= arguments.paddedWidth)
    {
        return;
    }
    std::int64_t const used = column < arguments.width ? arguments.height : 0;
    ColumnSource const source = columnSource(arguments, column);
    std::int64_t const end = lesser(tile.row + kPrepareRows, arguments.paddedHeight);
    for (std::int64_t row = tile.row; row < end; ++row)
    {
        std::uint8_t* const pixel = arguments.target + (row * arguments.paddedWidth + column) * 3;
        for (int color = 0; color < 3; ++color)
        {
            std::uint8_t value = 0; // padding
            if (row < used)
            {
                RowSource const& pair = rows[row - tile.row];
                std::int32_t const channel = arguments.colors[color];
                value = blend(columnSample(pair.top, source, channel),
                    columnSample(pair.bottom, source, channel), pair.topWeight, pair.bottomWeight);
            }
            pixel[color] = value;
        }
    }
}

} // namespace refinemask
