// The launch of the kernel of ConvAtPlaces (conv_at_places.cu).
#pragma once

#include "cuda/launch.h"
#include "kernels/conv_at_places.h"

namespace refinemask
{

struct ConvAtPlacesLaunch
{
    ElementType type;
    void const* maps;
    MapsShape shape;
    std::int64_t const* places;
    std::int64_t numPlaces; //!< at most kLargestCount
    PlaceKernel kernel;
    void const* weight;
    void const* bias;
    void* output; //!< numPlaces x outputs
};

cudaError_t launchConvAtPlaces(ConvAtPlacesLaunch const& launch, cudaStream_t stream);

} // namespace refinemask
