// For processors without AVX2, and other than x86: what the compiler makes of plain arrays.
#include "kernels/host_device.h"

#include <cstring>

namespace
{

struct Lanes
{
    static constexpr int kCount = 4;
    float values[kCount];

    static Lanes load(float const* source)
    {
        Lanes lanes;
        std::memcpy(lanes.values, source, sizeof(lanes.values));
        return lanes;
    }

    static Lanes load(std::uint16_t const* source)
    {
        Lanes lanes;
        for (int i = 0; i < kCount; ++i)
        {
            lanes.values[i] = refinemask::toFloat(refinemask::Half{source[i]});
        }
        return lanes;
    }

    static Lanes broadcast(float value)
    {
        return Lanes{{value, value, value, value}};
    }

    void multiplyAdd(Lanes const& a, Lanes const& b)
    {
        for (int i = 0; i < kCount; ++i)
        {
            values[i] += a.values[i] * b.values[i];
        }
    }

    void store(float* target) const
    {
        std::memcpy(target, values, sizeof(values));
    }

    void store(std::uint16_t* target) const
    {
        for (int i = 0; i < kCount; ++i)
        {
            target[i] = refinemask::fromFloat<refinemask::Half>(values[i]).bits;
        }
    }

    bool isFinite() const
    {
        bool finite = true;
        for (float const value : values)
        {
            finite = finite && value - value == 0.F;
        }
        return finite;
    }
};

} // namespace

#define REFINEMASK_SIMD_WIDE Lanes
#define REFINEMASK_SIMD_NARROW Lanes
#define REFINEMASK_SIMD_ROWS 3
#define REFINEMASK_SIMD_NAME "default"
#define REFINEMASK_SIMD_SYMBOL kSimdDefault
#include "simd_functions.h"
