// Eight floats in an AVX register.
#pragma once

#include <cstdint>
#include <immintrin.h>

namespace
{

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

} // namespace
