#include "cpu/simd.h"

namespace refinemask
{

namespace
{

SimdFunctions const& choose()
{
#ifdef REFINEMASK_X86
    // __builtin_cpu_supports also asks whether the operating system saves the registers.
    bool const fused = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")
        && __builtin_cpu_supports("f16c");
    if (fused && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl"))
    {
        return avx512::functions();
    }
    if (fused)
    {
        return avx2::functions();
    }
#endif
    return baseline::functions();
}

} // namespace

SimdFunctions const& simdFunctions()
{
    static SimdFunctions const& chosen = choose();
    return chosen;
}

} // namespace refinemask
