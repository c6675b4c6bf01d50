// CUDA: the boundary-aware refinement of mask logits. See boundary_refine_threads.h.

#include "cuda/boundary_refine.h"

#include "cuda/boundary_refine_threads.h"
#include "cuda/element_types.h"
#include "operators/boundary_refine.h"

namespace refinemask
{

namespace
{

constexpr int kSharedMemory = 48 << 10; //!< bytes that a block can have on every GPU
static_assert(kBandCoarseRows * kLargestMapSide <= kSharedMemory);

template <typename T, int kCount>
__global__ void __launch_bounds__(kRefineThreads, 4)
    refineMasks(__grid_constant__ BoundaryRefineArguments<T> const arguments)
{
    extern __shared__ std::uint8_t interior[];
    std::int64_t const mask = blockIdx.x;
    int const band = static_cast<int>(blockIdx.y);
    int const thread = static_cast<int>(threadIdx.x);
    markInterior(arguments, interior, mask, band, thread);
    __syncthreads();
    refineBand<T, kCount>(arguments, interior, mask, band, thread);
}

template <typename T>
void launchRefineMasks(BoundaryRefineLaunch const& launch, cudaStream_t stream)
{
    BoundaryRefineArguments<T> const arguments{static_cast<T const*>(launch.coarse),
        static_cast<T const*>(launch.fine), static_cast<T*>(launch.output), launch.coarseSize,
        launch.width, refineScale(launch.coarseSize)};
    int const bands = (2 * launch.coarseSize + kBandRows - 1) / kBandRows;
    dim3 const grid(static_cast<unsigned>(launch.count), static_cast<unsigned>(bands));
    auto const shared = static_cast<unsigned>(kBandCoarseRows * launch.coarseSize);
    bool const whole = 2 * launch.coarseSize % kPerAccess<T> == 0;
    if (whole && isAligned(launch.fine) && isAligned(launch.output))
    {
        refineMasks<T, kPerAccess<T>><<<grid, kRefineThreads, shared, stream>>>(arguments);
    }
    else
    {
        refineMasks<T, 1><<<grid, kRefineThreads, shared, stream>>>(arguments);
    }
}

} // namespace

cudaError_t launchBoundaryRefine(BoundaryRefineLaunch const& launch, cudaStream_t stream)
{
    if (launch.count == 0)
    {
        return cudaSuccess;
    }
    withElementType(launch.type,
        [&](auto tag)
        {
            launchRefineMasks<typename decltype(tag)::Type>(launch, stream);
        });
    return cudaPeekAtLastError();
}

} // namespace refinemask
