#include "cpu/multiscale_roi_align.h"

#include "cpu/multiscale_roi_align_plan.h"
#include "cpu/simd.h"
#include "cpu/stream.h"

#include <algorithm>
#include <numeric>
#include <optional>
#include <vector>

namespace refinemask
{

namespace
{

//! RoIs whose tables are used for a few channels before the next ones, so that they stay in cache.
constexpr std::size_t kTableBytes = 128 << 10;
constexpr std::int64_t kChannelsPerTask = 8;
//! Channels that a RoI is pooled from before the next RoI, while its tables are at hand.
constexpr std::int64_t kChannelsTogether = 4;
//! Tasks to be made of few channels, so that many threads have work.
constexpr std::int64_t kTasks = 64;
//! Pooled maps of this size, in an output of that, are written past the cache.
constexpr std::size_t kStreamedMapBytes = 8 << 10;
constexpr std::size_t kStreamedBytes = 8 << 20;

template <typename T>
T const* channelMap(
    RoIPlan const& plan, FeatureLevel<T> const* levels, std::int64_t channels, std::int64_t channel)
{
    FeatureLevel<T> const& level = levels[plan.level()];
    return level.data
        + (plan.image() * channels + channel) * static_cast<std::int64_t>(level.height)
        * level.width;
}

template <typename T>
void poolPlainly(
    RoIPlan const& plan, FeatureLevel<T> const& level, T const* map, int size, T* output)
{
    for (int row = 0; row < size; ++row)
    {
        for (int column = 0; column < size; ++column)
        {
            *output++ = fromFloat<T>(pooledValue(
                map, level.height, level.width, plan.vertical(), plan.horizontal(), row, column));
        }
    }
}

bool poolSeparably(SimdFunctions const& simd, SeparableView const& view, float const* map,
    float* scratch, float* output)
{
    return simd.poolFloat(view, map, scratch, output);
}

bool poolSeparably(SimdFunctions const& simd, SeparableView const& view, Half const* map,
    float* scratch, Half* output)
{
    return simd.poolHalf(view, reinterpret_cast<std::uint16_t const*>(map), scratch,
        reinterpret_cast<std::uint16_t*>(output));
}

//! Ask for the cells that a RoI reads of a map. A RoI's rows are too short for the CPU's own
//! prefetching, and without this each of them would be waited for.
template <typename T>
void prefetchCells(RoIPlan const& plan, T const* map)
{
    constexpr int kLine = 64 / static_cast<int>(sizeof(T));
    //! For a large RoI, the first rows are enough to start the CPU's own prefetching.
    constexpr int kMostLines = 128;
    SeparableView const roi = plan.view();
    int const lines = roi.windowWidth / kLine + 1;
    int const first = std::min(roi.rowFirst[0], roi.rowFirst[roi.outputSize - 1]);
    int const last = std::max(roi.rowFirst[0], roi.rowFirst[roi.outputSize - 1]) + roi.rowTaps;
    int const rows = std::min(last - first, std::max(kMostLines / lines, 1));
    for (int row = first; row < first + rows; ++row)
    {
        T const* const cells
            = map + static_cast<std::int64_t>(row) * roi.mapWidth + roi.windowFirst;
        for (int line = 0; line < lines; ++line)
        {
            __builtin_prefetch(cells + line * kLine, 0, 2); // into the second-level cache
        }
    }
}

//! The RoIs in the order in which they read the maps.
std::vector<std::int64_t> readingOrder(std::vector<std::optional<RoIPlan>> const& plans)
{
    std::vector<std::int64_t> order(plans.size());
    std::iota(order.begin(), order.end(), 0);
    auto const before = [&](std::int64_t a, std::int64_t b)
    {
        RoIPlan const& first = *plans[a];
        RoIPlan const& second = *plans[b];
        if (first.image() != second.image())
        {
            return first.image() < second.image();
        }
        return first.level() != second.level() ? first.level() < second.level()
                                               : first.top() < second.top();
    };
    std::stable_sort(order.begin(), order.end(), before);
    return order;
}

//! Where runs of RoIs begin whose tables are small enough together; the last is the end.
std::vector<std::int64_t> tableChunks(std::vector<std::optional<RoIPlan>> const& plans,
    std::vector<std::int64_t> const& order, std::int64_t mostRois)
{
    std::vector<std::int64_t> starts{0};
    std::size_t bytes = 0;
    for (std::int64_t place = 0; place < static_cast<std::int64_t>(order.size()); ++place)
    {
        std::size_t const more = plans[order[place]]->tableBytes();
        bool const isFull = bytes + more > kTableBytes || place - starts.back() >= mostRois;
        if (isFull && place > starts.back())
        {
            starts.push_back(place);
            bytes = 0;
        }
        bytes += more;
    }
    starts.push_back(static_cast<std::int64_t>(order.size()));
    return starts;
}

//! Everything that is the same for all tasks.
template <typename T>
class Pooler
{
public:
    Pooler(float const* rois, std::int64_t numRois, FeatureLevel<T> const* levels,
        std::int64_t channels, RoIAlignParams const& params, ParallelFor const& parallelFor)
        : mLevels(levels)
        , mChannels(channels)
        , mSize(params.outputSize)
        , mArea(static_cast<std::int64_t>(mSize) * mSize)
        , mPlans(static_cast<std::size_t>(numRois))
    {
        constexpr std::int64_t kPlansPerTask = 16;
        parallelFor(divideUp(numRois, kPlansPerTask),
            [&](std::int64_t task)
            {
                std::int64_t const end = std::min((task + 1) * kPlansPerTask, numRois);
                for (std::int64_t index = task * kPlansPerTask; index < end; ++index)
                {
                    float const* const roi = rois + index * 5;
                    int const level = assignLevel(roi + 1, params);
                    mPlans[index].emplace(
                        roi, level, levels[level].height, levels[level].width, channels, params);
                }
            });
        mOrder = readingOrder(mPlans);
        for (std::optional<RoIPlan> const& plan : mPlans)
        {
            mScratchSize = std::max(mScratchSize, plan->scratchSize());
        }
        std::size_t const mapBytes = static_cast<std::size_t>(mArea) * sizeof(T);
        mIsStreamed = mapBytes >= kStreamedMapBytes
            && mapBytes * static_cast<std::size_t>(numRois * channels) >= kStreamedBytes;
    }

    void pool(T* output, ParallelFor const& parallelFor) const
    {
        std::int64_t const channelTasks = divideUp(mChannels, kChannelsPerTask);
        // With few channels the RoIs are shared out too.
        std::int64_t const roiTasks = divideUp(kTasks, channelTasks);
        auto const numRois = static_cast<std::int64_t>(mPlans.size());
        auto const chunks = tableChunks(mPlans, mOrder, divideUp(numRois, roiTasks));
        auto const numChunks = static_cast<std::int64_t>(chunks.size()) - 1;
        parallelFor(channelTasks * numChunks,
            [&](std::int64_t task)
            {
                // Chunks of the same channels follow each other: their maps are still in cache.
                std::int64_t const chunk = task % numChunks;
                std::int64_t const first = task / numChunks * kChannelsPerTask;
                std::vector<float> scratch(mScratchSize);
                std::vector<T> buffer(mIsStreamed ? static_cast<std::size_t>(mArea) : 0);
                for (std::int64_t channel = first; channel < first + kChannelsPerTask;
                    channel += kChannelsTogether)
                {
                    poolChunk(chunks[chunk], chunks[chunk + 1], channel, scratch, buffer, output);
                }
            });
    }

private:
    //! Pool the RoIs of places [begin, end) from kChannelsTogether channels, or as many as remain.
    void poolChunk(std::int64_t begin, std::int64_t end, std::int64_t firstChannel,
        std::vector<float>& scratch, std::vector<T>& buffer, T* output) const
    {
        std::int64_t const lastChannel = std::min(firstChannel + kChannelsTogether, mChannels);
        for (std::int64_t place = begin; place < end; ++place)
        {
            RoIPlan const& plan = *mPlans[mOrder[place]];
            RoIPlan const& next = *mPlans[mOrder[std::min(place + 1, end - 1)]];
            for (std::int64_t channel = firstChannel; channel < lastChannel; ++channel)
            {
                prefetch(channel + 1 < lastChannel ? plan : next,
                    channel + 1 < lastChannel ? channel + 1 : firstChannel);
                T* const target = output + (mOrder[place] * mChannels + channel) * mArea;
                poolMap(plan, channel, scratch.data(), mIsStreamed ? buffer.data() : target);
                if (mIsStreamed)
                {
                    streamOut(target, buffer.data(), buffer.size() * sizeof(T));
                }
            }
        }
        endStream();
    }

    void poolMap(RoIPlan const& plan, std::int64_t channel, float* scratch, T* target) const
    {
        T const* const map = channelMap(plan, mLevels, mChannels, channel);
        // An infinite feature may have met a weight of 0, which the kernel skips.
        bool const done = plan.isSeparable()
            && poolSeparably(simdFunctions(), plan.view(), map, scratch, target);
        if (!done)
        {
            poolPlainly(plan, mLevels[plan.level()], map, mSize, target);
        }
    }

    void prefetch(RoIPlan const& plan, std::int64_t channel) const
    {
        if (plan.isSeparable())
        {
            prefetchCells(plan, channelMap(plan, mLevels, mChannels, channel));
        }
    }

    FeatureLevel<T> const* mLevels;
    std::int64_t mChannels;
    int mSize;
    std::int64_t mArea;
    std::vector<std::optional<RoIPlan>> mPlans;
    std::vector<std::int64_t> mOrder; //!< of the RoIs, as they read the maps
    std::size_t mScratchSize{0};
    bool mIsStreamed{false};
};

} // namespace

template <typename T>
void multiScaleRoIAlign(float const* rois, std::int64_t numRois, FeatureLevel<T> const* levels,
    std::int64_t /*batch*/, std::int64_t channels, RoIAlignParams const& params, T* output,
    ParallelFor const& parallelFor)
{
    if (numRois > 0 && channels > 0)
    {
        Pooler<T>(rois, numRois, levels, channels, params, parallelFor).pool(output, parallelFor);
    }
}

template <typename T>
void multiScaleRoIAlignPlain(float const* rois, std::int64_t numRois, FeatureLevel<T> const* levels,
    std::int64_t /*batch*/, std::int64_t channels, RoIAlignParams const& params, T* output)
{
    std::int64_t const area = static_cast<std::int64_t>(params.outputSize) * params.outputSize;
    for (std::int64_t index = 0; index < numRois; ++index)
    {
        float const* const roi = rois + index * 5;
        int const level = assignLevel(roi + 1, params);
        FeatureLevel<T> const& maps = levels[level];
        RoIPlan const plan(roi, level, maps.height, maps.width, 0, params);
        for (std::int64_t channel = 0; channel < channels; ++channel)
        {
            poolPlainly(plan, maps, channelMap(plan, levels, channels, channel), params.outputSize,
                output + (index * channels + channel) * area);
        }
    }
}

template void multiScaleRoIAlign<float>(float const*, std::int64_t, FeatureLevel<float> const*,
    std::int64_t, std::int64_t, RoIAlignParams const&, float*, ParallelFor const&);
template void multiScaleRoIAlign<Half>(float const*, std::int64_t, FeatureLevel<Half> const*,
    std::int64_t, std::int64_t, RoIAlignParams const&, Half*, ParallelFor const&);
template void multiScaleRoIAlignPlain<float>(float const*, std::int64_t, FeatureLevel<float> const*,
    std::int64_t, std::int64_t, RoIAlignParams const&, float*);
template void multiScaleRoIAlignPlain<Half>(float const*, std::int64_t, FeatureLevel<Half> const*,
    std::int64_t, std::int64_t, RoIAlignParams const&, Half*);

} // namespace refinemask
