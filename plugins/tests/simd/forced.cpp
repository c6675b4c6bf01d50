// Takes the place of cpu/simd.cpp, so that the tests run the loops of one instruction set.
#include "cpu/simd.h"

#include <cstdio>
#include <cstdlib>

namespace refinemask
{

namespace
{

bool isSupported()
{
#ifdef REFINEMASK_X86
    bool const fused = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")
        && __builtin_cpu_supports("f16c");
    bool const wide = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl");
    SimdFunctions const* const chosen = &REFINEMASK_ISA::functions();
    return (chosen != &avx2::functions() || fused) && (chosen != &avx512::functions() || wide);
#else
    return true;
#endif
}

} // namespace

SimdFunctions const& simdFunctions()
{
    static bool const supported = isSupported();
    if (!supported)
    {
        std::puts("this processor lacks the instructions");
        std::exit(77); // what CTest takes for a skipped test
    }
    return REFINEMASK_ISA::functions();
}

} // namespace refinemask
