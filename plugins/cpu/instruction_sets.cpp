#include "cpu/instruction_sets.h"

namespace refinemask
{

#ifdef REFINEMASK_X86
// __builtin_cpu_supports also asks whether the operating system saves the registers.
bool hasAvx2()
{
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")
        && __builtin_cpu_supports("f16c");
}

bool hasAvx512()
{
    return hasAvx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl");
}
#else
bool hasAvx2()
{
    return false;
}

bool hasAvx512()
{
    return false;
}
#endif

} // namespace refinemask
