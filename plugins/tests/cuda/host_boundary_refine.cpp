#include "cuda/boundary_refine.h"
#include "cuda/boundary_refine_threads.h"
#include "tests/cuda/host_threads.h"

#include <vector>

namespace refinemask
{

namespace
{

using namespace test;

template <typename T, int kCount>
void refineMasks(BoundaryRefineArguments<T> const& arguments, std::int64_t count)
{
    int const bands = (2 * arguments.coarseSize + kBandRows - 1) / kBandRows;
    for (std::int64_t mask = 0; mask < count; ++mask)
    {
        for (int band = 0; band < bands; ++band)
        {
            std::vector<std::uint8_t> interior(
                static_cast<std::size_t>(kBandCoarseRows * arguments.coarseSize), 0xCD);
            forThreads(kRefineThreads,
                [&](int thread)
                {
                    markInterior(arguments, interior.data(), mask, band, thread);
                });
            forThreads(kRefineThreads,
                [&](int thread)
                {
                    refineBand<T, kCount>(arguments, interior.data(), mask, band, thread);
                });
        }
    }
}

} // namespace

cudaError_t launchBoundaryRefine(BoundaryRefineLaunch const& launch, cudaStream_t /*stream*/)
{
    return withElementType(launch.type,
        [&](auto tag)
        {
            using T = typename decltype(tag)::Type;
            BoundaryRefineArguments<T> const arguments{static_cast<T const*>(launch.coarse),
                static_cast<T const*>(launch.fine), static_cast<T*>(launch.output),
                launch.coarseSize, launch.width, refineScale(launch.coarseSize)};
            if (2 * launch.coarseSize % kPerAccess<T> == 0)
            {
                refineMasks<T, kPerAccess<T>>(arguments, launch.count);
            }
            else
            {
                refineMasks<T, 1>(arguments, launch.count);
            }
        });
}

} // namespace refinemask
