// Several floats at once in the registers of the instruction set that a file is compiled for.
//
// `Wide` are the widest, `Narrow` those of kColumnBlock floats at most. Everything is in the
// unnamed namespace: no file compiled for another instruction set can be given a copy of it.
#pragma once

#include "kernels/host_device.h"

#include <cstdint>
#include <cstring>

#if defined(__AVX2__)
#include <immintrin.h>
#endif

namespace
{

#if defined(__AVX2__)
struct Lanes8
{
    static constexpr int kCount = 8;
    __m256 values;

    static Lanes8 load(float const* source)
    {
        return Lanes8{_mm256_loadu_ps(source)};
    }

    static Lanes8 load(std::uint16_t const* source)
    {
        return Lanes8{_mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<__m128i const*>(source)))};
    }

    static Lanes8 broadcast(float value)
    {
        return Lanes8{_mm256_set1_ps(value)};
    }

    void multiplyAdd(Lanes8 const& a, Lanes8 const& b)
    {
        values = _mm256_fmadd_ps(a.values, b.values, values);
    }

    void store(float* target) const
    {
        _mm256_storeu_ps(target, values);
    }

    void store(std::uint16_t* target) const
    {
        _mm_storeu_si128(reinterpret_cast<__m128i*>(target),
            _mm256_cvtps_ph(values, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
    }

    bool isFinite() const
    {
        // x - x is 0, or NaN for infinities and NaN.
        __m256 const difference = _mm256_sub_ps(values, values);
        return _mm256_movemask_ps(_mm256_cmp_ps(difference, difference, _CMP_UNORD_Q)) == 0;
    }
};

using Narrow = Lanes8;
#endif

#if defined(__AVX512F__)
struct Lanes16
{
    static constexpr int kCount = 16;
    __m512 values;

    static Lanes16 load(float const* source)
    {
        return Lanes16{_mm512_loadu_ps(source)};
    }

    static Lanes16 load(std::uint16_t const* source)
    {
        auto const* const bits = reinterpret_cast<__m256i const*>(source);
        // All lanes; the form without a mask makes GCC 12 warn of its own header.
        return Lanes16{_mm512_maskz_cvtph_ps(0xFFFF, _mm256_loadu_si256(bits))};
    }

    static Lanes16 broadcast(float value)
    {
        return Lanes16{_mm512_set1_ps(value)};
    }

    void multiplyAdd(Lanes16 const& a, Lanes16 const& b)
    {
        values = _mm512_fmadd_ps(a.values, b.values, values);
    }

    void store(float* target) const
    {
        _mm512_storeu_ps(target, values);
    }
};

using Wide = Lanes16;
//! Rows of sums that fit into the registers beside a weight and a factor.
constexpr int kRegisterRows = 14;
#elif defined(__AVX2__)
using Wide = Lanes8;
constexpr int kRegisterRows = 7;
#else
//! Other processors: what the compiler makes of plain arrays.
struct Lanes4
{
    static constexpr int kCount = 4;
    float values[kCount];

    static Lanes4 load(float const* source)
    {
        Lanes4 lanes;
        std::memcpy(lanes.values, source, sizeof(lanes.values));
        return lanes;
    }

    static Lanes4 load(std::uint16_t const* source)
    {
        Lanes4 lanes;
        for (int i = 0; i < kCount; ++i)
        {
            lanes.values[i] = refinemask::toFloat(refinemask::Half{source[i]});
        }
        return lanes;
    }

    static Lanes4 broadcast(float value)
    {
        return Lanes4{{value, value, value, value}};
    }

    void multiplyAdd(Lanes4 const& a, Lanes4 const& b)
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

using Wide = Lanes4;
using Narrow = Lanes4;
constexpr int kRegisterRows = 3;
#endif

} // namespace
