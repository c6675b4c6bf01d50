// Compiled with -mavx512f -mavx512vl -mavx2 -mfma -mf16c.
#include "simd_lanes8.h"

namespace
{

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

} // namespace

#define REFINEMASK_SIMD_WIDE Lanes16
#define REFINEMASK_SIMD_NARROW Lanes8
#define REFINEMASK_SIMD_ROWS 14
#define REFINEMASK_SIMD_NAME "avx512"
#define REFINEMASK_SIMD_SYMBOL kSimdAvx512
#include "simd_functions.h"
