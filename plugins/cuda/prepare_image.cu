// CUDA: resize and pad images for the network. See prepare_image_threads.h.

#include "cuda/prepare_image.h"

#include "cuda/prepare_image_threads.h"

#include <limits>

namespace refinemask
{

namespace
{

__global__ void __launch_bounds__(kPrepareThreads)
    prepareTiles(__grid_constant__ PrepareImageArguments const arguments)
{
    __shared__ RowSource rows[kPrepareRows];
    int const thread = static_cast<int>(threadIdx.x);
    PreparedTile const tile = preparedTile(arguments, blockIdx.x);
    tabulateSources(arguments, rows, tile, thread);
    __syncthreads();
    prepareColumn(arguments, rows, tile, thread);
}

} // namespace

cudaError_t launchPrepareImage(PrepareImageLaunch const& launch, cudaStream_t stream)
{
    PrepareImageArguments const arguments = prepareImageArguments(launch);
    std::int64_t const tiles = tileCount(arguments);
    if (tiles > std::numeric_limits<int>::max()) // of an image of 26 TB
    {
        return cudaErrorInvalidValue;
    }
    prepareTiles<<<static_cast<unsigned>(tiles), kPrepareThreads, 0, stream>>>(arguments);
    return cudaPeekAtLastError();
}

} // namespace refinemask
