// What makes the kernels one source for the CPU and for CUDA.
//
// Everything below `kernels/` is arithmetic on plain pointers and values: it allocates nothing,
// throws nothing and knows neither ONNX Runtime nor TensorRT. Products and sums are written in the
// order of the reference, and neither compiler may contract them into fused operations
// (-ffp-contract=off, --fmad=false), so that decisions fall the same way everywhere.
#pragma once

#include <cstdint>
#include <cstring>

#ifdef __CUDACC__
#include <cuda_bf16.h>
#include <cuda_fp16.h>
#define REFINEMASK_HD __host__ __device__ __forceinline__
#else
// Always inlined: files compiled for different instruction sets include the kernels, and a function
// that stayed out of line in one of them could be the copy that the linker keeps for all.
#define REFINEMASK_HD inline __attribute__((always_inline))
#endif

//! Before a loop: the GPU's compiler must keep it as it is.
#ifdef __CUDA_ARCH__
#define REFINEMASK_NOT_UNROLLED _Pragma("unroll 1")
#else
#define REFINEMASK_NOT_UNROLLED
#endif

namespace refinemask
{

//! IEEE half precision on the CPU: storage only, arithmetic is float32.
struct Half
{
    std::uint16_t bits;
};

//! Return the float32 value of a feature, whatever its type.
REFINEMASK_HD float toFloat(float value)
{
    return value;
}

REFINEMASK_HD float bitsToFloat(std::uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof(value));
    return value;
}

REFINEMASK_HD std::uint32_t floatToBits(float value)
{
    std::uint32_t bits;
    memcpy(&bits, &value, sizeof(bits));
    return bits;
}

REFINEMASK_HD float toFloat(Half value)
{
    std::uint32_t const sign = static_cast<std::uint32_t>(value.bits & 0x8000U) << 16;
    std::uint32_t const magnitude = value.bits & 0x7FFFU;
    if (magnitude >= 0x7C00U)
    {
        return bitsToFloat(sign | 0x7F800000U | (magnitude & 0x3FFU) << 13);
    }
    if (magnitude >= 0x400U)
    {
        return bitsToFloat(sign | ((magnitude << 13) + 0x38000000U));
    }
    // Subnormal: a multiple of 2^-24, which float32 holds exactly.
    float const scaled = static_cast<float>(magnitude) * 5.9604644775390625e-8F;
    return bitsToFloat(sign | floatToBits(scaled));
}

//! Round a float32 to the type of the features: to nearest, ties to even.
template <typename T>
REFINEMASK_HD T fromFloat(float value);

template <>
REFINEMASK_HD float fromFloat<float>(float value)
{
    return value;
}

template <>
REFINEMASK_HD Half fromFloat<Half>(float value)
{
    std::uint32_t const bits = floatToBits(value);
    auto const sign = static_cast<std::uint16_t>(bits >> 16 & 0x8000U);
    std::uint32_t const magnitude = bits & 0x7FFFFFFFU;
    if (magnitude > 0x7F800000U)
    {
        return Half{static_cast<std::uint16_t>(sign | 0x7E00U)};
    }
    if (magnitude >= 0x477FF000U) // from half of the step above 65504
    {
        return Half{static_cast<std::uint16_t>(sign | 0x7C00U)};
    }
    if (magnitude < 0x38800000U) // below 2^-14: adding 0.5 aligns the subnormal's last bit
    {
        std::uint32_t const rounded = floatToBits(bitsToFloat(magnitude) + 0.5F) - 0x3F000000U;
        return Half{static_cast<std::uint16_t>(sign | rounded)};
    }
    std::uint32_t const odd = magnitude >> 13 & 1U;
    return Half{static_cast<std::uint16_t>(sign | (magnitude - 0x38000000U + 0xFFFU + odd) >> 13)};
}

#ifdef __CUDACC__
REFINEMASK_HD float toFloat(__half value)
{
    return __half2float(value);
}

REFINEMASK_HD float toFloat(__nv_bfloat16 value)
{
    return __bfloat162float(value);
}

template <>
REFINEMASK_HD __half fromFloat<__half>(float value)
{
    return __float2half(value);
}

template <>
REFINEMASK_HD __nv_bfloat16 fromFloat<__nv_bfloat16>(float value)
{
    return __float2bfloat16(value);
}
#endif

} // namespace refinemask
