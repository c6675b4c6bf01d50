// bfloat16 on the CPU, for tests: storage only, arithmetic is float32.
#pragma once

#include "kernels/host_device.h"

namespace refinemask
{

struct Bfloat16
{
    std::uint16_t bits;
};

REFINEMASK_HD float toFloat(Bfloat16 value)
{
    return bitsToFloat(static_cast<std::uint32_t>(value.bits) << 16);
}

template <>
REFINEMASK_HD Bfloat16 fromFloat<Bfloat16>(float value)
{
    std::uint32_t const bits = floatToBits(value);
    if (value != value)
    {
        return Bfloat16{static_cast<std::uint16_t>(bits >> 16 | 0x40U)};
    }
    std::uint32_t const odd = bits >> 16 & 1U;
    return Bfloat16{static_cast<std::uint16_t>((bits + 0x7FFFU + odd) >> 16)};
}

} // namespace refinemask
