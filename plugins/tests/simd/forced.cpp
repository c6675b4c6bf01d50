// Takes the place of cpu/simd.cpp, so that the tests run the loops of one instruction set.
#include "cpu/instruction_sets.h"
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
    SimdFunctions const* const chosen = &REFINEMASK_ISA::functions();
    return (chosen != &avx2::functions() || hasAvx2())
        && (chosen != &avx512::functions() || hasAvx512());
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
        std::puts("this CPU lacks the instructions");
        std::exit(77); // what CTest takes for a skipped test
    }
    return REFINEMASK_ISA::functions();
}

} // namespace refinemask
