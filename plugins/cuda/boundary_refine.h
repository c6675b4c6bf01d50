// The launch of the boundary refinement kernel (boundary_refine.cu).
#pragma once

#include "cuda/launch.h"
#include "kernels/boundary_refine.h"

namespace refinemask
{

struct BoundaryRefineLaunch
{
    ElementType type;
    void const* coarse; //!< count x size x size logits
    void const* fine;   //!< count x 2 size x 2 size
    std::int64_t count;
    int coarseSize; //!< at most kLargestMapSide
    int width;      //!< of the boundary
    void* output;   //!< as fine
};

cudaError_t launchBoundaryRefine(BoundaryRefineLaunch const& launch, cudaStream_t stream);

} // namespace refinemask
