#include "image/rle.h"

#include "cpu/paste_masks.h"
#include "operators/errors.h"
#include "operators/shape.h"

#include <cstring>

namespace refinemask
{

namespace
{

constexpr char const* kFunction = "run-length encoding";

//! Where a column goes from off to on, or back.
struct Change
{
    std::int32_t column;
    std::int32_t row;
};

void require(char const* name, std::int64_t value, std::int64_t lowest, std::int64_t highest)
{
    if (value < lowest || value > highest)
    {
        fail(kFunction, name, " must be ", lowest, " to ", highest, ", got ", value);
    }
}

void checkImageSize(std::int64_t height, std::int64_t width)
{
    require("height", height, 0, kLargestSide);
    require("width", width, 0, kLargestSide);
}

bool isEmpty(BitmapView const& bitmap)
{
    return bitmap.width == 0 || bitmap.height == 0;
}

void checkWindow(BitmapView const& bitmap, std::int64_t height, std::int64_t width)
{
    require("width of the bitmap", bitmap.width, 0, width);
    require("height of the bitmap", bitmap.height, 0, height);
    require("left of the bitmap", bitmap.left, 0, width - bitmap.width);
    require("top of the bitmap", bitmap.top, 0, height - bitmap.height);
    if (isEmpty(bitmap))
    {
        return; // neither stride nor data are used
    }
    require("stride", bitmap.stride, bitmap.width,
        std::numeric_limits<std::int64_t>::max() / bitmap.height);
    if (bitmap.data == nullptr)
    {
        fail(kFunction, "the bitmap must have data, got a null pointer");
    }
}

bool areEqual(std::uint8_t const* a, std::uint8_t const* b, std::size_t bytes)
{
    return std::memcmp(a, b, bytes) == 0;
}

//! Append what differs between a row and the one above it.
void appendChanges(std::uint8_t const* above, std::uint8_t const* pixels, std::int64_t width,
    std::int32_t row, std::vector<Change>& changes)
{
    constexpr std::int64_t kAtOnce = 16;
    for (std::int64_t column = 0; column < width; ++column)
    {
        // Most of a mask is like the row above.
        while (column + kAtOnce <= width && areEqual(above + column, pixels + column, kAtOnce))
        {
            column += kAtOnce;
        }
        if (column < width && (above[column] != 0) != (pixels[column] != 0))
        {
            changes.push_back(Change{static_cast<std::int32_t>(column), row});
        }
    }
}

//! All changes, row by row; at the bottom, everything ends.
std::vector<Change> findChanges(BitmapView const& bitmap)
{
    std::vector<Change> changes;
    if (isEmpty(bitmap))
    {
        return changes;
    }
    std::vector<std::uint8_t> const nothing(static_cast<std::size_t>(bitmap.width));
    std::uint8_t const* above = nothing.data();
    for (std::int64_t row = 0; row < bitmap.height; ++row)
    {
        std::uint8_t const* const pixels = bitmap.data + row * bitmap.stride;
        appendChanges(above, pixels, bitmap.width, static_cast<std::int32_t>(row), changes);
        above = pixels;
    }
    appendChanges(
        above, nothing.data(), bitmap.width, static_cast<std::int32_t>(bitmap.height), changes);
    return changes;
}

//! Sort changes by column, and make them pixel indices of the image.
std::vector<std::int64_t> edgesOf(
    std::vector<Change> const& changes, BitmapView const& bitmap, std::int64_t height)
{
    // Where the edges of each column begin; they stay in the order of the rows.
    std::vector<std::size_t> places(static_cast<std::size_t>(bitmap.width) + 1);
    for (Change const& change : changes)
    {
        ++places[static_cast<std::size_t>(change.column) + 1];
    }
    for (std::size_t column = 1; column < places.size(); ++column)
    {
        places[column] += places[column - 1];
    }
    std::vector<std::int64_t> edges(changes.size());
    for (Change const& change : changes)
    {
        edges[places[static_cast<std::size_t>(change.column)]++]
            = (bitmap.left + change.column) * height + bitmap.top + change.row;
    }
    return edges;
}

//! Write a number in groups of five bits, the least significant first.
void appendNumber(std::int64_t number, std::string& text)
{
    bool more = true;
    while (more)
    {
        std::int64_t const bits = number & 0x1F;
        number >>= 5;
        more = number != ((bits & 0x10) != 0 ? -1 : 0);
        text += static_cast<char>(48 + bits + (more ? 32 : 0));
    }
}

//! Writes counts: from the fourth on, as the difference to the one two before.
class Writer
{
public:
    void append(std::int64_t count)
    {
        appendNumber(mWritten >= 3 ? count - mCounts[mWritten % 2] : count, mText);
        mCounts[mWritten % 2] = count;
        ++mWritten;
    }

    std::string const& text() const
    {
        return mText;
    }

private:
    std::string mText;
    std::size_t mWritten{0};
    std::int64_t mCounts[2]{};
};

} // namespace

std::string toRle(std::vector<std::int64_t> const& edges, std::int64_t pixels)
{
    Writer writer;
    std::int64_t last = 0;
    for (std::size_t place = 0; place < edges.size(); ++place)
    {
        // A run that reaches the bottom may go on in the next column.
        if (place + 1 < edges.size() && edges[place] == edges[place + 1])
        {
            ++place;
            continue;
        }
        writer.append(edges[place] - last);
        last = edges[place];
    }
    if (last < pixels || edges.empty())
    {
        writer.append(pixels - last);
    }
    return writer.text();
}

std::string encodeBitmap(BitmapView const& bitmap, std::int64_t height, std::int64_t width)
{
    checkImageSize(height, width);
    checkWindow(bitmap, height, width);
    return toRle(edgesOf(findChanges(bitmap), bitmap, height), height * width);
}

std::string encodePasted(float const* mask, std::int64_t maskSize, float const* box,
    std::int64_t height, std::int64_t width, float threshold)
{
    checkImageSize(height, width);
    require("mask size", maskSize, 1, kLargestMapSide);
    if (mask == nullptr || box == nullptr)
    {
        fail(kFunction, "mask and box must have data, got a null pointer");
    }
    std::vector<std::int64_t> edges;
    pasteRuns(mask, static_cast<int>(maskSize), box, height, width, threshold, edges);
    return toRle(edges, height * width);
}

} // namespace refinemask
