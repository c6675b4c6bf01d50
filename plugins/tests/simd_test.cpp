// The loops for every instruction set that this CPU has, against the kernels.
#include "cpu/instruction_sets.h"
#include "cpu/multiscale_roi_align_plan.h"
#include "cpu/simd.h"
#include "kernels/batched_nms.h"
#include "tests/check.h"
#include "tests/random.h"

#include <algorithm>
#include <cmath>

namespace
{

using namespace refinemask;
using test::Random;

std::vector<SimdFunctions const*> available()
{
    std::vector<SimdFunctions const*> all{&baseline::functions()};
#ifdef REFINEMASK_X86
    if (hasAvx2())
    {
        all.push_back(&avx2::functions());
    }
    if (hasAvx512())
    {
        all.push_back(&avx512::functions());
    }
#endif
    return all;
}

struct Map
{
    int height;
    int width;
    std::vector<float> values;
};

Map randomMap(Random& random, int height, int width)
{
    Map map{height, width, {}};
    for (int index = 0; index < height * width; ++index)
    {
        map.values.push_back(random.number(-1.F, 1.F));
    }
    return map;
}

RoIPlan planOf(Random& random, Map const& map, int outputSize, int samplingRatio)
{
    RoIAlignParams params{};
    params.outputSize = outputSize;
    params.samplingRatio = samplingRatio;
    params.numLevels = 1;
    params.aligned = true;
    params.spatialScale[0] = 1.F;
    auto const width = static_cast<float>(map.width);
    auto const height = static_cast<float>(map.height);
    float const x = random.number(-3.F, width);
    float const y = random.number(-3.F, height);
    float const roi[] = {0.F, x, y, x + random.number(0.F, width), y + random.number(0.F, height)};
    constexpr std::int64_t kChannels = 1000; // so that tables are worth it
    return RoIPlan(roi, 0, map.height, map.width, kChannels, params);
}

TEST(poolsAsTheKernelWithEveryInstructionSet)
{
    Random random(1);
    int separable = 0;
    for (int round = 0; round < 400; ++round)
    {
        Map const map = randomMap(random, random.integer(1, 40), random.integer(1, 180));
        int const size = random.integer(1, 30);
        RoIPlan const plan = planOf(random, map, size, random.integer(0, 3));
        if (!plan.isSeparable())
        {
            continue;
        }
        ++separable;
        for (SimdFunctions const* const simd : available())
        {
            // One more at the end, which must not be written.
            std::vector<float> scratch(plan.scratchSize());
            std::vector<float> pooled(static_cast<std::size_t>(size) * size + 1, -7.F);
            CHECK(simd->poolFloat(plan.view(), map.values.data(), scratch.data(), pooled.data()));
            CHECK_EQUAL(pooled.back(), -7.F);
            for (int place = 0; place < size * size; ++place)
            {
                float const expected = pooledValue(map.values.data(), map.height, map.width,
                    plan.vertical(), plan.horizontal(), place / size, place % size);
                CHECK(std::fabs(pooled[place] - expected) < 2e-6F);
            }
        }
    }
    CHECK(separable > 200);
}

TEST(poolsHalvesWithEveryInstructionSet)
{
    Random random(2);
    for (int round = 0; round < 200; ++round)
    {
        Map map = randomMap(random, random.integer(1, 40), random.integer(1, 90));
        std::vector<std::uint16_t> halves;
        for (float& value : map.values)
        {
            halves.push_back(fromFloat<Half>(value).bits);
            value = toFloat(Half{halves.back()});
        }
        int const size = random.integer(1, 17);
        RoIPlan const plan = planOf(random, map, size, 0);
        if (!plan.isSeparable())
        {
            continue;
        }
        for (SimdFunctions const* const simd : available())
        {
            std::vector<float> scratch(plan.scratchSize());
            std::vector<float> single(static_cast<std::size_t>(size) * size);
            std::vector<std::uint16_t> pooled(single.size());
            simd->poolFloat(plan.view(), map.values.data(), scratch.data(), single.data());
            CHECK(simd->poolHalf(plan.view(), halves.data(), scratch.data(), pooled.data()));
            for (std::size_t place = 0; place < pooled.size(); ++place)
            {
                CHECK_EQUAL(pooled[place], fromFloat<Half>(single[place]).bits);
            }
        }
    }
}

TEST(tellsOfInfinitiesWithEveryInstructionSet)
{
    Random random(3);
    Map map = randomMap(random, 20, 60);
    std::fill(map.values.begin(), map.values.end(), INFINITY);
    RoIPlan const plan = planOf(random, map, 7, 0);
    CHECK(plan.isSeparable());
    for (SimdFunctions const* const simd : available())
    {
        std::vector<float> scratch(plan.scratchSize());
        std::vector<float> pooled(49);
        CHECK(!simd->poolFloat(plan.view(), map.values.data(), scratch.data(), pooled.data()));
    }
}

TEST(comparesBoxesAsTheKernelWithEveryInstructionSet)
{
    Random random(4);
    int suppressed = 0;
    constexpr int kRounds = 2000;
    for (int round = 0; round < kRounds; ++round)
    {
        std::vector<BoxBlock> blocks(2);
        auto const draw = [&]
        {
            float const x = random.number(0.F, 40.F);
            float const y = random.number(0.F, 40.F);
            float const corners[]
                = {x, y, x + random.number(-5.F, 40.F), y + random.number(-5.F, 40.F)};
            return shiftBox(corners, 0.F);
        };
        ShiftedBox const box = draw();
        bool expected = false;
        constexpr float kThreshold = 0.45F;
        for (BoxBlock& block : blocks)
        {
            for (int place = 0; place < BoxBlock::kCapacity; ++place)
            {
                ShiftedBox const better = draw();
                block.x1[place] = better.x1;
                block.y1[place] = better.y1;
                block.x2[place] = better.x2;
                block.y2[place] = better.y2;
                block.area[place] = better.area;
                expected = expected || overlapsMore(better, box, kThreshold);
            }
        }
        suppressed += expected ? 1 : 0;
        float const values[] = {box.x1, box.y1, box.x2, box.y2, box.area};
        for (SimdFunctions const* const simd : available())
        {
            CHECK_EQUAL(simd->overlapsAny(blocks.data(), 2, values, kThreshold), expected);
        }
    }
    CHECK(suppressed > kRounds / 20 && suppressed < kRounds - kRounds / 20);
}

} // namespace
