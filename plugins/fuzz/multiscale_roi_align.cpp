// MultiScaleRoIAlign: any RoIs, features and pyramids of valid shapes.
#include "cpu/multiscale_roi_align.h"
#include "fuzz/input.h"

#include <algorithm>

namespace
{

using namespace refinemask;
using fuzz::Input;

//! More samples than this in all, and the plain kernel would take the whole time.
constexpr double kMostSamples = 1e6;

RoIAlignParams readParams(Input& input)
{
    RoIAlignParams params{};
    params.outputSize = static_cast<int>(input.integer(1, 17));
    params.samplingRatio = static_cast<int>(input.integer(0, 4));
    params.numLevels = static_cast<int>(input.integer(1, kMaxLevels));
    params.aligned = input.flag();
    bool const epsilonAfterLog = input.flag();
    float const finestScale = std::ldexp(1.F, static_cast<int>(input.integer(0, 8)));
    for (int level = 0; level < params.numLevels; ++level)
    {
        params.spatialScale[level] = 1.F / static_cast<float>(input.integer(1, 8) << level);
        params.smallestSide[level]
            = level > 0 ? smallestSide(level, finestScale, epsilonAfterLog) : 0.F;
    }
    return params;
}

//! How many samples the plain kernel takes of all RoIs in a channel.
double countSamples(std::vector<float> const& rois, RoIAlignParams const& params)
{
    double count = 0;
    for (std::size_t roi = 0; roi < rois.size(); roi += 5)
    {
        float const* const box = rois.data() + roi + 1;
        float const scale = params.spatialScale[assignLevel(box, params)];
        double const vertical = axisSamples(box[1], box[3], scale, params).count;
        double const horizontal = axisSamples(box[0], box[2], scale, params).count;
        count += vertical * horizontal * params.outputSize * params.outputSize;
    }
    return count;
}

//! The order of additions differs: some bits of the largest feature, and a bit of the type's.
template <typename T>
bool isClose(T found, T expected, float largest)
{
    float const difference = std::abs(toFloat(found) - toFloat(expected));
    float const ownStep = sizeof(T) == 2 ? 2e-3F : 0.F;
    return difference <= 1e-4F * largest + ownStep * std::abs(toFloat(expected)) + 1e-6F
        || fuzz::isSameBits(found, expected);
}

template <typename T>
void run(Input& input)
{
    RoIAlignParams const params = readParams(input);
    std::int64_t const batch = input.integer(1, 2);
    std::int64_t const channels = input.integer(1, 3);
    std::int64_t const numRois = input.integer(0, 4);
    std::vector<float> rois;
    for (std::int64_t roi = 0; roi < numRois; ++roi)
    {
        rois.push_back(static_cast<float>(input.integer(0, batch - 1)));
        std::vector<float> const box = input.numbers<float>(4);
        rois.insert(rois.end(), box.begin(), box.end());
    }
    std::vector<std::vector<T>> maps;
    std::vector<FeatureLevel<T>> levels;
    for (int level = 0; level < params.numLevels; ++level)
    {
        int const height = static_cast<int>(input.integer(1, 40));
        int const width = static_cast<int>(input.integer(1, 40));
        std::int64_t const count = batch * channels * height * width;
        // A few features decide; they are repeated over the map.
        std::vector<T> const some = input.numbers<T>(7);
        std::vector<T> map;
        for (std::int64_t index = 0; index < count; ++index)
        {
            map.push_back(some[static_cast<std::size_t>(index) % some.size()]);
        }
        maps.push_back(map);
        levels.push_back(FeatureLevel<T>{nullptr, height, width});
    }
    float largest = 0.F;
    for (int level = 0; level < params.numLevels; ++level)
    {
        levels[level].data = maps[level].data();
        for (T const feature : maps[level])
        {
            float const size = std::abs(toFloat(feature));
            largest = size > largest || size != size ? size : largest;
        }
    }
    std::size_t const cells = static_cast<std::size_t>(params.outputSize) * params.outputSize;
    std::vector<T> found(static_cast<std::size_t>(numRois * channels) * cells);
    std::vector<T> expected(found.size());
    multiScaleRoIAlign(
        rois.data(), numRois, levels.data(), batch, channels, params, found.data(), serially);
    // Sums of huge features overflow in one order and not in another.
    if (!(largest < 1e30F) || countSamples(rois, params) > kMostSamples)
    {
        return;
    }
    multiScaleRoIAlignPlain(
        rois.data(), numRois, levels.data(), batch, channels, params, expected.data());
    for (std::size_t index = 0; index < found.size(); ++index)
    {
        fuzz::require(isClose(found[index], expected[index], largest), "a pooled value");
    }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size)
{
    Input input(data, size);
    input.flag() ? run<float>(input) : run<Half>(input);
    return 0;
}
