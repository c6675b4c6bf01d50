// The table of one instruction set's loops.
#include "cpu/simd_loops.h"

namespace refinemask::REFINEMASK_ISA
{

SimdFunctions const& functions()
{
    static constexpr SimdFunctions kFunctions{poolFloat, poolHalf, refineFloat, refineHalf,
        convPlaces, convOutputs, convolveFloat, convolveHalf, overlapsAny, interpolateRow,
        blendRows};
    return kFunctions;
}

} // namespace refinemask::REFINEMASK_ISA
