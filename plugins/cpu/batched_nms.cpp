#include "cpu/batched_nms.h"

#include "cpu/simd.h"

#include <algorithm>
#include <limits>

namespace refinemask
{

namespace
{

using Selection = std::vector<std::array<std::int64_t, 3>>;

//! Boxes that were kept, in blocks that are compared with a candidate at once.
class KeptBoxes
{
public:
    void add(ShiftedBox const& box)
    {
        int const place = static_cast<int>(mCount % BoxBlock::kCapacity);
        if (place == 0)
        {
            mBlocks.push_back(emptyBlock());
        }
        BoxBlock& block = mBlocks.back();
        block.x1[place] = box.x1;
        block.y1[place] = box.y1;
        block.x2[place] = box.x2;
        block.y2[place] = box.y2;
        block.area[place] = box.area;
        ++mCount;
    }

    bool suppress(ShiftedBox const& box, float iouThreshold) const
    {
        float const values[] = {box.x1, box.y1, box.x2, box.y2, box.area};
        return simdFunctions().overlapsAny(
            mBlocks.data(), static_cast<std::int64_t>(mBlocks.size()), values, iouThreshold);
    }

private:
    //! Boxes that meet no other.
    static BoxBlock emptyBlock()
    {
        constexpr float kInfinity = std::numeric_limits<float>::infinity();
        BoxBlock block{};
        std::fill(std::begin(block.x1), std::end(block.x1), kInfinity);
        std::fill(std::begin(block.y1), std::end(block.y1), kInfinity);
        std::fill(std::begin(block.x2), std::end(block.x2), -kInfinity);
        std::fill(std::begin(block.y2), std::end(block.y2), -kInfinity);
        return block;
    }

    std::vector<BoxBlock> mBlocks;
    std::int64_t mCount{0};
};

//! The boxes and scores of one image, and what of it is a candidate.
class Image
{
public:
    Image(float const* boxes, bool boxesPerGroup, float const* scores, std::int64_t count,
        std::int64_t groups, NmsParams const& params)
        : mBoxes(boxes)
        , mBoxesPerGroup(boxesPerGroup)
        , mGroups(groups)
        , mParams(params)
    {
        findCandidates(scores, count * groups);
        mIsShifted = params.maxShifted < 0
            || static_cast<std::int64_t>(mCandidates.size()) <= params.maxShifted;
        if (!mCandidates.empty())
        {
            findShifts();
        }
    }

    Selection select(std::int64_t image);

private:
    //! The score's order above, the place in the scores below: ascending is best first.
    using Candidate = std::uint64_t;

    static std::uint32_t placeOf(Candidate candidate)
    {
        return static_cast<std::uint32_t>(candidate);
    }

    void findCandidates(float const* scores, std::int64_t count)
    {
        mCandidates.resize(static_cast<std::size_t>(count));
        std::size_t found = 0;
        for (std::int64_t place = 0; place < count; ++place)
        {
            // Written always and kept if it is one: which it is cannot be predicted.
            mCandidates[found] = static_cast<Candidate>(~scoreKey(scores[place])) << 32
                | static_cast<Candidate>(place);
            found += scores[place] > mParams.scoreThreshold ? 1 : 0;
        }
        mCandidates.resize(found);
    }

    float const* boxAt(std::uint32_t place) const
    {
        return mBoxes + static_cast<std::int64_t>(mBoxesPerGroup ? place : place / mGroups) * 4;
    }

    ShiftedBox candidateBox(std::uint32_t place) const
    {
        return shiftBox(boxAt(place), mShifts[place % mGroups]);
    }

    void findShifts();
    bool groupsAreApart(std::vector<bool> const& present, float smallest, float largest) const;
    void sortBest(std::size_t first, std::size_t count);

    float const* mBoxes;
    bool mBoxesPerGroup;
    std::int64_t mGroups;
    NmsParams mParams;
    std::vector<Candidate> mCandidates;
    bool mIsShifted;
    bool mAreApart{true}; //!< boxes of different groups cannot overlap
    std::vector<float> mShifts;
};

void Image::findShifts()
{
    mShifts.assign(static_cast<std::size_t>(mGroups), 0.F);
    if (!mIsShifted)
    {
        return; // Each group is suppressed by itself.
    }
    float smallest = std::numeric_limits<float>::infinity();
    float largest = -smallest;
    bool isNumber = true;
    std::vector<bool> present(static_cast<std::size_t>(mGroups));
    for (Candidate const candidate : mCandidates)
    {
        float const* const box = boxAt(placeOf(candidate));
        for (int i = 0; i < 4; ++i)
        {
            isNumber = isNumber && box[i] == box[i];
            smallest = smaller(smallest, box[i]);
            largest = larger(largest, box[i]);
        }
        present[placeOf(candidate) % mGroups] = true;
    }
    if (!isNumber)
    {
        largest = std::numeric_limits<float>::quiet_NaN(); // as the reference's maximum
    }
    for (std::int64_t group = 0; group < mGroups; ++group)
    {
        mShifts[group] = groupShift(group, largest, mParams);
    }
    mAreApart = isNumber && groupsAreApart(present, smallest, largest);
}

//! Whether no moved box of a group can reach one of another.
//!
//! Rounding keeps the order of numbers: a moved coordinate is at most the moved largest one and at
//! least the group's shift if none is negative. So it is enough that the groups do not touch there.
bool Image::groupsAreApart(std::vector<bool> const& present, float smallest, float largest) const
{
    if (!(smallest >= 0.F))
    {
        return false;
    }
    float reached = -std::numeric_limits<float>::infinity();
    for (std::size_t group = 0; group < present.size(); ++group)
    {
        if (present[group])
        {
            if (!(mShifts[group] >= reached))
            {
                return false;
            }
            reached = largest + mShifts[group];
        }
    }
    return true;
}

//! Bring the best `count` of the candidates from `first` on to the front, in order.
void Image::sortBest(std::size_t first, std::size_t count)
{
    auto const begin = mCandidates.begin() + static_cast<std::ptrdiff_t>(first);
    auto const middle = begin + static_cast<std::ptrdiff_t>(count);
    if (middle != mCandidates.end())
    {
        std::nth_element(begin, middle, mCandidates.end());
    }
    std::sort(begin, middle);
}

Selection Image::select(std::int64_t image)
{
    Selection selection;
    std::vector<KeptBoxes> kept(mAreApart ? static_cast<std::size_t>(mGroups) : 1);
    auto const limit = static_cast<std::size_t>(mParams.maxPerImage);
    std::size_t sorted = 0;
    for (std::size_t next = 0; next < mCandidates.size() && selection.size() < limit; ++next)
    {
        if (next == sorted)
        {
            // Usually a few times the limit are looked at, so the others need not be sorted.
            std::size_t const more = std::max<std::size_t>(4 * limit, 3 * sorted);
            sorted += std::min(more, mCandidates.size() - sorted);
            sortBest(next, sorted - next);
        }
        std::uint32_t const place = placeOf(mCandidates[next]);
        auto const group = static_cast<std::int64_t>(place % mGroups);
        ShiftedBox const box = candidateBox(place);
        KeptBoxes& better = kept[mAreApart ? group : 0];
        if (!better.suppress(box, mParams.iouThreshold))
        {
            better.add(box);
            selection.push_back({image, static_cast<std::int64_t>(place / mGroups), group});
        }
    }
    return selection;
}

} // namespace

std::vector<std::array<std::int64_t, 3>> batchedNms(float const* boxes, bool boxesPerGroup,
    float const* scores, std::int64_t batch, std::int64_t count, std::int64_t groups,
    NmsParams const& params, ParallelFor const& parallelFor)
{
    std::vector<Selection> selections(static_cast<std::size_t>(batch));
    std::int64_t const boxFloats = count * (boxesPerGroup ? groups : 1) * 4;
    parallelFor(batch,
        [&](std::int64_t image)
        {
            Image candidates(boxes + image * boxFloats, boxesPerGroup,
                scores + image * count * groups, count, groups, params);
            selections[image] = candidates.select(image);
        });
    Selection all;
    for (Selection const& selection : selections)
    {
        all.insert(all.end(), selection.begin(), selection.end());
    }
    return all;
}

} // namespace refinemask
