// What the loops of BoundaryRefine are given (boundary_refine_simd.cpp). Data only, see cpu/simd.h.
#pragma once

#include <cstdint>

namespace refinemask
{

//! A mask's refinement: tables that only depend on the size, and memory for one mask.
struct RefineView
{
    int coarseSize; //!< s
    int fineSize;   //!< 2 s
    int width;      //!< of the boundary, in coarse pixels
    int wideStride; //!< fineSize, rounded up to whole registers of any width
    // What each of wideStride fine columns reads, as a ResizeTap does; the last repeated.
    int const* low;
    int const* high;
    float const* lowWeight;
    float const* highWeight;
    // Memory: s x s, the floats with kWidestLanes more, that may be read but count for nothing.
    float* coarse;
    float* interior;
    std::uint16_t* foreground;
    std::uint16_t* rowCounts;
    std::uint16_t* sums; //!< s
    // s x wideStride
    float* wideLogits;
    float* wideInterior;
};

} // namespace refinemask
