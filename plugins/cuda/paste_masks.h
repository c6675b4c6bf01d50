// The launch of the pasting kernel (paste_masks.cu).
#pragma once

#include "cuda/launch.h"
#include "kernels/paste_masks.h"

namespace refinemask
{

struct PasteMasksLaunch
{
    ElementType type;
    void const* masks;  //!< count x maskSize x maskSize probabilities
    float const* boxes; //!< count x 4
    std::int64_t count;
    int maskSize;
    std::int64_t height;
    std::int64_t width;
    float threshold;
    std::uint8_t* output; //!< count x height x width
};

cudaError_t launchPasteMasks(PasteMasksLaunch const& launch, cudaStream_t stream);

} // namespace refinemask
