// Turns a fuzzer's bytes into arguments: sizes within bounds, and numbers of every kind.
#pragma once

#include "kernels/host_device.h"

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <vector>

namespace refinemask::fuzz
{

//! Reads bytes from the front; past the end there are zeros.
class Input
{
public:
    Input(std::uint8_t const* data, std::size_t size)
        : mData(data)
        , mSize(size)
    {
    }

    std::uint8_t byte()
    {
        return mPlace < mSize ? mData[mPlace++] : 0;
    }

    bool flag()
    {
        return (byte() & 1U) != 0U;
    }

    std::int64_t integer(std::int64_t lowest, std::int64_t highest)
    {
        // Unsigned, where all of int64 fits; range is 0 then.
        auto const first = static_cast<std::uint64_t>(lowest);
        std::uint64_t const range = static_cast<std::uint64_t>(highest) - first + 1;
        std::uint64_t value = 0;
        for (std::uint64_t left = range - 1; left > 0; left >>= 8)
        {
            value = value << 8 | byte();
        }
        return static_cast<std::int64_t>(first + (range == 0 ? value : value % range));
    }

    //! Mostly a number between -16 and 112, at times any float there is.
    float number()
    {
        std::uint8_t const kind = byte();
        if (kind < 224)
        {
            return static_cast<float>(kind) / 2.F - 16.F + static_cast<float>(byte()) / 512.F;
        }
        constexpr float kInfinity = std::numeric_limits<float>::infinity();
        switch (kind % 8)
        {
        case 0:
            return std::numeric_limits<float>::quiet_NaN();
        case 1:
            return flag() ? kInfinity : -kInfinity;
        case 2:
            return std::ldexp(flag() ? 1.F : -1.F, static_cast<int>(byte()) - 140);
        default:
            return bitsToFloat(static_cast<std::uint32_t>(integer(0, 0xFFFFFFFF)));
        }
    }

    template <typename T>
    std::vector<T> numbers(std::int64_t count)
    {
        std::vector<T> values;
        for (std::int64_t index = 0; index < count; ++index)
        {
            values.push_back(fromFloat<T>(number()));
        }
        return values;
    }

private:
    std::uint8_t const* mData;
    std::size_t mSize;
    std::size_t mPlace{0};
};

//! Ends the process, which a fuzzer counts as a find.
inline void require(bool condition, char const* what)
{
    if (!condition)
    {
        std::fprintf(stderr, "differs from the plain kernel: %s\n", what);
        std::abort();
    }
}

inline bool isSameBits(float a, float b)
{
    return floatToBits(a) == floatToBits(b) || (a != a && b != b);
}

inline bool isSameBits(Half a, Half b)
{
    return isSameBits(toFloat(a), toFloat(b));
}

} // namespace refinemask::fuzz
