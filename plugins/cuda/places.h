// The launches of the kernels of NonZeroPlaces, GatherTiles and ScatterTiles (places.cu).
#pragma once

#include "cuda/launch.h"
#include "kernels/places.h"

#include <cstddef>

namespace refinemask
{

struct NonZeroPlacesLaunch
{
    float const* mask;
    std::int64_t height;
    std::int64_t width;
    std::int64_t total;   //!< pixels of all masks, at most kLargestCount
    void* workspace;      //!< of placesWorkspace(total) bytes
    std::int64_t* places; //!< room for one of each pixel
    std::int32_t* numPlaces;
};

std::size_t placesWorkspace(std::int64_t total);

cudaError_t launchNonZeroPlaces(NonZeroPlacesLaunch const& launch, cudaStream_t stream);

struct GatherTilesLaunch
{
    ElementType type;
    void const* maps;
    MapsShape shape;
    std::int64_t const* places;
    std::int64_t numPlaces;
    TileSize tile;
    void* tiles;
};

cudaError_t launchGatherTiles(GatherTilesLaunch const& launch, cudaStream_t stream);

struct ScatterTilesLaunch
{
    ElementType type;
    void const* tiles;
    TileSize tile;
    std::int64_t const* places;
    std::int64_t numPlaces;
    MapsShape shape;
    void* maps;
};

cudaError_t launchScatterTiles(ScatterTilesLaunch const& launch, cudaStream_t stream);

} // namespace refinemask
