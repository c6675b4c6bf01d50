// Random values of every element type, the same on every run.
#pragma once

#include "kernels/host_device.h"

#include <random>
#include <vector>

namespace refinemask::test
{

class Random
{
public:
    explicit Random(std::uint64_t seed)
        : mEngine(seed)
    {
    }

    float number(float lowest, float highest)
    {
        auto const part = static_cast<float>(mEngine() >> 40) / 16777216.F;
        return lowest + part * (highest - lowest);
    }

    int integer(int lowest, int highest)
    {
        auto const range = static_cast<std::uint64_t>(highest - lowest + 1);
        return lowest + static_cast<int>(mEngine() % range);
    }

    template <typename T>
    std::vector<T> values(std::int64_t count, float lowest, float highest)
    {
        std::vector<T> all;
        for (std::int64_t index = 0; index < count; ++index)
        {
            all.push_back(fromFloat<T>(number(lowest, highest)));
        }
        return all;
    }

private:
    std::mt19937_64 mEngine;
};

} // namespace refinemask::test
