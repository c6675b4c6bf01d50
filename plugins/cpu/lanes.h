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

//! One element, a half as its bits.
inline float asFloat(float value)
{
    return value;
}

inline float asFloat(std::uint16_t bits)
{
    return refinemask::toFloat(refinemask::Half{bits});
}

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

    //! row[columns[0]], row[columns[1]], ..., which all are within kCount from columns[0] on.
    static Lanes8 pick(float const* row, int const* columns)
    {
        __m256i const indices = _mm256_loadu_si256(reinterpret_cast<__m256i const*>(columns));
        __m256i const places = _mm256_sub_epi32(indices, _mm256_set1_epi32(columns[0]));
        return Lanes8{_mm256_permutevar8x32_ps(_mm256_loadu_ps(row + columns[0]), places)};
    }

    friend Lanes8 operator*(Lanes8 const& a, Lanes8 const& b)
    {
        return Lanes8{_mm256_mul_ps(a.values, b.values)};
    }

    friend Lanes8 operator+(Lanes8 const& a, Lanes8 const& b)
    {
        return Lanes8{_mm256_add_ps(a.values, b.values)};
    }

    //! `a` where `values` is at least `limit`, else `b`.
    static Lanes8 choose(Lanes8 const& values, float limit, Lanes8 const& a, Lanes8 const& b)
    {
        __m256 const mask = _mm256_cmp_ps(values.values, _mm256_set1_ps(limit), _CMP_GE_OQ);
        return Lanes8{_mm256_blendv_ps(b.values, a.values, mask)};
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

    static Lanes16 pick(float const* row, int const* columns)
    {
        __m512i const places
            = _mm512_sub_epi32(_mm512_loadu_si512(columns), _mm512_set1_epi32(columns[0]));
        return Lanes16{
            _mm512_maskz_permutexvar_ps(0xFFFF, places, _mm512_loadu_ps(row + columns[0]))};
    }

    friend Lanes16 operator*(Lanes16 const& a, Lanes16 const& b)
    {
        return Lanes16{_mm512_mul_ps(a.values, b.values)};
    }

    friend Lanes16 operator+(Lanes16 const& a, Lanes16 const& b)
    {
        return Lanes16{_mm512_add_ps(a.values, b.values)};
    }

    static Lanes16 choose(Lanes16 const& values, float limit, Lanes16 const& a, Lanes16 const& b)
    {
        __mmask16 const mask = _mm512_cmp_ps_mask(values.values, _mm512_set1_ps(limit), _CMP_GE_OQ);
        return Lanes16{_mm512_mask_blend_ps(mask, b.values, a.values)};
    }

    void store(std::uint16_t* target) const
    {
        _mm256_storeu_si256(reinterpret_cast<__m256i*>(target),
            _mm512_maskz_cvtps_ph(0xFFFF, values, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
    }
};

using Wide = Lanes16;
//! Rows of sums that fit into the registers beside a weight and a factor.
constexpr int kRegisterRows = 14;
//! Places and vectors of outputs whose sums fit beside a value and a row of weights.
constexpr int kConvPlaces = 6;
constexpr int kConvVectors = 4;
#elif defined(__AVX2__)
using Wide = Lanes8;
constexpr int kRegisterRows = 7;
constexpr int kConvPlaces = 6;
constexpr int kConvVectors = 2;
#else
//! Any other CPU: what the compiler makes of plain arrays.
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

    static Lanes4 pick(float const* row, int const* columns)
    {
        return Lanes4{{row[columns[0]], row[columns[1]], row[columns[2]], row[columns[3]]}};
    }

    friend Lanes4 operator*(Lanes4 const& a, Lanes4 const& b)
    {
        Lanes4 product;
        for (int i = 0; i < kCount; ++i)
        {
            product.values[i] = a.values[i] * b.values[i];
        }
        return product;
    }

    friend Lanes4 operator+(Lanes4 const& a, Lanes4 const& b)
    {
        Lanes4 sum;
        for (int i = 0; i < kCount; ++i)
        {
            sum.values[i] = a.values[i] + b.values[i];
        }
        return sum;
    }

    static Lanes4 choose(Lanes4 const& values, float limit, Lanes4 const& a, Lanes4 const& b)
    {
        Lanes4 chosen;
        for (int i = 0; i < kCount; ++i)
        {
            chosen.values[i] = values.values[i] >= limit ? a.values[i] : b.values[i];
        }
        return chosen;
    }
};

using Wide = Lanes4;
using Narrow = Lanes4;
constexpr int kRegisterRows = 3;
constexpr int kConvPlaces = 4;
constexpr int kConvVectors = 2;
#endif

} // namespace
