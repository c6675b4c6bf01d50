// CUDA: a convolution at places of maps. See conv_at_places_threads.h.

#include "cuda/conv_at_places.h"

#include "cuda/conv_at_places_threads.h"
#include "cuda/element_types.h"

namespace refinemask
{

namespace
{

template <typename T>
__global__ void __launch_bounds__(kConvThreads)
    convolveAtPlaces(__grid_constant__ ConvAtPlacesArguments<T> const arguments)
{
    __shared__ ConvTerms shared;
    int const thread = static_cast<int>(threadIdx.x);
    std::int64_t const firstPlace = static_cast<std::int64_t>(blockIdx.x) * kConvTile;
    for (std::int64_t firstOutput = 0; firstOutput < arguments.kernel.outputs;
        firstOutput += kConvTile)
    {
        ConvSums sums;
        startSums(arguments, sums, firstOutput, thread);
        for (ConvStep step{0, 0}; isStep(arguments, step); step = nextStep(arguments, step))
        {
            loadTerms(arguments, shared, step, firstPlace, firstOutput, thread);
            __syncthreads();
            addTerms(shared, sums, thread);
            __syncthreads();
        }
        storeSums(arguments, sums, firstPlace, firstOutput, thread);
    }
}

} // namespace

cudaError_t launchConvAtPlaces(ConvAtPlacesLaunch const& launch, cudaStream_t stream)
{
    if (launch.numPlaces == 0)
    {
        return cudaSuccess;
    }
    auto const blocks = static_cast<unsigned>((launch.numPlaces + kConvTile - 1) / kConvTile);
    withElementType(launch.type,
        [&](auto tag)
        {
            using T = typename decltype(tag)::Type;
            convolveAtPlaces<T><<<blocks, kConvThreads, 0, stream>>>(ConvAtPlacesArguments<T>{
                static_cast<T const*>(launch.maps), launch.shape, launch.places, launch.numPlaces,
                launch.kernel, static_cast<T const*>(launch.weight),
                static_cast<T const*>(launch.bias), static_cast<T*>(launch.output)});
        });
    return cudaPeekAtLastError();
}

} // namespace refinemask
