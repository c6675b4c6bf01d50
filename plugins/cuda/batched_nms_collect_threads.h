// Step 1 of BatchedNMS, see batched_nms_threads.h: scores become candidates.
#pragma once

#include "cuda/batched_nms_threads.h"

namespace refinemask
{

constexpr int kCollectThreads = 256;
constexpr int kScoresPerThread = 4;
constexpr int kScoresPerBlock = kCollectThreads * kScoresPerThread;

REFINEMASK_HD std::uint32_t atomicIncrease(std::uint32_t* value, std::uint32_t by)
{
#ifdef __CUDA_ARCH__
    return atomicAdd(value, by);
#else
    std::uint32_t const before = *value;
    *value += by;
    return before;
#endif
}

REFINEMASK_HD void atomicRaise(std::uint32_t* value, std::uint32_t to)
{
#ifdef __CUDA_ARCH__
    atomicMax(value, to);
#else
    *value = *value > to ? *value : to;
#endif
}

//! In shared memory: the candidates of one block, and where in the image's keys they go.
struct CollectedBlock
{
    std::uint32_t count;
    std::uint32_t largest;
    std::uint32_t first;
    NmsKey keys[kScoresPerBlock];
};

REFINEMASK_HD void startCollecting(CollectedBlock& shared, int thread)
{
    if (thread == 0)
    {
        shared.count = 0;
        shared.largest = 0;
        shared.first = 0;
    }
}

REFINEMASK_HD void collectScores(
    NmsArguments const& arguments, CollectedBlock& shared, int image, int block, int thread)
{
    std::int64_t const imageScores = static_cast<std::int64_t>(image) * arguments.scoresPerImage;
    std::uint32_t largest = 0;
    for (int i = 0; i < kScoresPerThread; ++i)
    {
        std::uint32_t const index = static_cast<std::uint32_t>(block) * kScoresPerBlock
            + static_cast<std::uint32_t>(i * kCollectThreads + thread);
        if (index >= arguments.scoresPerImage)
        {
            break;
        }
        float const score = arguments.scores[imageScores + index];
        if (score > arguments.params.scoreThreshold)
        {
            Corners const box = loadBox(arguments, image, index);
            for (float const value : box.values)
            {
                std::uint32_t const key = coordinateKey(value);
                largest = largest > key ? largest : key;
            }
            NmsKey const descending = ~scoreKey(score);
            shared.keys[atomicIncrease(&shared.count, 1)] = descending << 32 | index;
        }
    }
    if (largest != 0U)
    {
        atomicRaise(&shared.largest, largest);
    }
}

REFINEMASK_HD void reserveKeys(
    NmsArguments const& arguments, CollectedBlock& shared, int image, int thread)
{
    if (thread == 0 && shared.count > 0U)
    {
        shared.first = atomicIncrease(&arguments.images[image].candidates, shared.count);
        atomicRaise(&arguments.images[image].largest, shared.largest);
    }
}

REFINEMASK_HD void storeKeys(
    NmsArguments const& arguments, CollectedBlock const& shared, int image, int thread)
{
    NmsKey* const keys = arguments.keys
        + static_cast<std::int64_t>(image) * arguments.scoresPerImage + shared.first;
    for (std::uint32_t i = thread; i < shared.count; i += kCollectThreads)
    {
        keys[i] = shared.keys[i];
    }
}

} // namespace refinemask
