// Compiled with -mavx2 -mfma -mf16c.
#include "simd_lanes8.h"

#define REFINEMASK_SIMD_WIDE Lanes8
#define REFINEMASK_SIMD_NARROW Lanes8
#define REFINEMASK_SIMD_ROWS 7
#define REFINEMASK_SIMD_NAME "avx2"
#define REFINEMASK_SIMD_SYMBOL kSimdAvx2
#include "simd_functions.h"
