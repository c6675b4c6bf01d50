#include "cpu/simd.h"

#include "cpu/instruction_sets.h"

namespace refinemask
{

namespace
{

SimdFunctions const& choose()
{
#ifdef REFINEMASK_X86
    if (hasAvx512())
    {
        return avx512::functions();
    }
    if (hasAvx2())
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
