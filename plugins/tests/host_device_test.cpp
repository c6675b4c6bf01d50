#include "kernels/host_device.h"
#include "tests/check.h"

#include <cmath>
#include <limits>

namespace
{

using refinemask::bitsToFloat;
using refinemask::floatToBits;
using refinemask::fromFloat;
using refinemask::Half;
using refinemask::toFloat;

unsigned halfBits(float value)
{
    return fromFloat<Half>(value).bits;
}

TEST(halvesOfKnownValues)
{
    CHECK_EQUAL(halfBits(0.F), 0U);
    CHECK_EQUAL(halfBits(-0.F), 0x8000U);
    CHECK_EQUAL(halfBits(1.F), 0x3C00U);
    CHECK_EQUAL(halfBits(-2.F), 0xC000U);
    CHECK_EQUAL(halfBits(65504.F), 0x7BFFU);
    CHECK_EQUAL(halfBits(65519.996F), 0x7BFFU);
    CHECK_EQUAL(halfBits(65520.F), 0x7C00U); // halfway to the next: to even, infinity
    CHECK_EQUAL(halfBits(6.103515625e-5F), 0x0400U);
    CHECK_EQUAL(halfBits(5.9604644775390625e-8F), 1U);
    CHECK_EQUAL(halfBits(2.98023223876953125e-8F), 0U); // halfway to 0
    CHECK_EQUAL(halfBits(std::nextafter(2.98023223876953125e-8F, 1.F)), 1U);
    CHECK_EQUAL(halfBits(std::numeric_limits<float>::infinity()), 0x7C00U);
    CHECK(std::isnan(toFloat(fromFloat<Half>(std::numeric_limits<float>::quiet_NaN()))));
}

TEST(halvesRoundTiesToEven)
{
    CHECK_EQUAL(halfBits(1.F + 1.F / 2048.F), 0x3C00U);
    CHECK_EQUAL(halfBits(1.F + 3.F / 2048.F), 0x3C02U);
    CHECK_EQUAL(halfBits(std::nextafter(1.F + 1.F / 2048.F, 2.F)), 0x3C01U);
    CHECK_EQUAL(halfBits(2.F - 1.F / 4096.F), 0x4000U); // carries into the exponent
}

TEST(everyHalfComesBack)
{
    for (unsigned bits = 0; bits < 0x10000U; ++bits)
    {
        float const value = toFloat(Half{static_cast<std::uint16_t>(bits)});
        if (value == value)
        {
            CHECK_EQUAL(halfBits(value), bits);
        }
        else
        {
            CHECK((bits & 0x7FFFU) > 0x7C00U);
        }
    }
}

//! Between two halves that follow each other lies one value that rounds to either.
TEST(everyBoundaryBetweenHalves)
{
    for (unsigned bits = 0; bits < 0x7BFFU; ++bits)
    {
        float const low = toFloat(Half{static_cast<std::uint16_t>(bits)});
        float const high = toFloat(Half{static_cast<std::uint16_t>(bits + 1)});
        float const middle = low + (high - low) / 2.F; // exact in float32
        CHECK_EQUAL(halfBits(std::nextafter(middle, low)), bits);
        CHECK_EQUAL(halfBits(middle), bits + (bits & 1U));
        CHECK_EQUAL(halfBits(std::nextafter(middle, high)), bits + 1);
    }
}

} // namespace
