#include "image/polygons.h"

#include "operators/errors.h"
#include "operators/shape.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <stdexcept>

namespace refinemask
{
namespace
{

enum Direction
{
    kRight,
    kDown,
    kLeft,
    kUp
};

constexpr std::array<Corner, 4> kSteps{Corner{1, 0}, Corner{0, 1}, Corner{-1, 0}, Corner{0, -1}};

//! Walks along the edges of pixels, with those that are on to the right.
class Tracer
{
public:
    explicit Tracer(BitmapView const& bitmap)
        : mBitmap(bitmap)
        , mIsWalked(static_cast<std::size_t>((bitmap.height + 1) * bitmap.width))
        , mParts(static_cast<std::size_t>(bitmap.height * bitmap.width))
    {
    }

    std::vector<Polygon> trace()
    {
        auto const width = static_cast<std::int32_t>(mBitmap.width);
        auto const height = static_cast<std::int32_t>(mBitmap.height);
        for (std::int32_t y = 0; y <= height; ++y)
        {
            for (std::int32_t x = 0; x < width; ++x)
            {
                if (isOn(x, y) != isOn(x, y - 1) && !mIsWalked[edge(x, y)])
                {
                    isOn(x, y) ? addPart({x, y}) : addHole({x, y});
                }
            }
        }
        return std::move(mPolygons);
    }

private:
    bool isOn(std::int64_t x, std::int64_t y) const
    {
        return x >= 0 && y >= 0 && x < mBitmap.width && y < mBitmap.height
            && mBitmap.data[y * mBitmap.stride + x] != 0;
    }

    //! Index of the horizontal edge whose left end is a corner.
    std::size_t edge(std::int64_t x, std::int64_t y) const
    {
        return static_cast<std::size_t>(y * mBitmap.width + x);
    }

    void addPart(Corner start)
    {
        mPolygons.push_back(walk(start, kRight, mPolygons.size()));
    }

    //! A hole begins below a pixel that is on; the edge at the left of that run is known already.
    void addHole(Corner start)
    {
        std::int64_t x = start.x;
        while (isOn(x - 1, start.y - 1))
        {
            --x;
        }
        std::size_t const part = mParts[edge(x, start.y - 1)];
        Polygon const hole = walk(start, kDown, part);
        join(mPolygons[part], hole);
    }

    Polygon walk(Corner const start, Direction const first, std::size_t part)
    {
        Polygon corners;
        Corner at = start;
        Direction direction = first;
        corners.push_back(at);
        while (true)
        {
            mark(at, direction, part);
            at = {at.x + kSteps[direction].x, at.y + kSteps[direction].y};
            Direction const next = turn(at, direction);
            if (at == start && next == first)
            {
                return corners;
            }
            if (next != direction)
            {
                corners.push_back(at);
            }
            direction = next;
        }
    }

    void mark(Corner at, Direction direction, std::size_t part)
    {
        switch (direction)
        {
        case kRight:
            mIsWalked[edge(at.x, at.y)] = true;
            break;
        case kLeft:
            mIsWalked[edge(at.x - 1, at.y)] = true;
            break;
        case kUp:
            mParts[edge(at.x, at.y - 1)] = part;
            break;
        case kDown:
            break;
        }
    }

    //! Where to go from a corner: to the left if that pixel is on, which joins pixels that touch
    //! there only.
    Direction turn(Corner at, Direction direction) const
    {
        // The pixel ahead on each side: the corner is the top left one of the pixel (0, 0).
        constexpr std::array<Corner, 4> kAheadLeft{
            Corner{0, -1}, Corner{0, 0}, Corner{-1, 0}, Corner{-1, -1}};
        Corner const left = kAheadLeft[direction];
        Corner const right = kAheadLeft[(direction + 1) % 4];
        if (isOn(at.x + left.x, at.y + left.y))
        {
            return static_cast<Direction>((direction + 3) % 4);
        }
        return isOn(at.x + right.x, at.y + right.y) ? direction
                                                    : static_cast<Direction>((direction + 1) % 4);
    }

    //! Put a hole behind the first of the corners that are nearest to its own first.
    static void join(Polygon& outline, Polygon const& hole)
    {
        Corner const from = hole.front();
        auto const distance = [from](Corner corner)
        {
            return std::abs(corner.x - from.x) + std::abs(corner.y - from.y);
        };
        auto const nearest = std::min_element(outline.begin(), outline.end(),
            [&](Corner a, Corner b)
            {
                return distance(a) < distance(b);
            });
        Polygon cut(hole);
        cut.push_back(from);
        if (*nearest == from)
        {
            cut.erase(cut.begin());
        }
        else
        {
            cut.push_back(*nearest);
        }
        outline.insert(nearest + 1, cut.begin(), cut.end());
    }

    BitmapView const& mBitmap;
    std::vector<bool> mIsWalked;     //!< by horizontal edge
    std::vector<std::size_t> mParts; //!< whose the left edge of a pixel is
    std::vector<Polygon> mPolygons;
};

} // namespace

std::vector<Polygon> outlines(BitmapView const& bitmap)
{
    if (bitmap.width < 0 || bitmap.width > kLargestSide || bitmap.height < 0
        || bitmap.height > kLargestSide)
    {
        throw std::invalid_argument(concatenate(
            "a bitmap of ", bitmap.width, " x ", bitmap.height, " pixels has no outlines"));
    }
    std::vector<Polygon> polygons = Tracer(bitmap).trace();
    for (Polygon& polygon : polygons)
    {
        for (Corner& corner : polygon)
        {
            corner.x += static_cast<std::int32_t>(bitmap.left);
            corner.y += static_cast<std::int32_t>(bitmap.top);
        }
    }
    return polygons;
}

} // namespace refinemask
