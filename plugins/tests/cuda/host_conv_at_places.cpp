#include "cuda/conv_at_places.h"
#include "cuda/conv_at_places_threads.h"
#include "tests/cuda/host_threads.h"

#include <vector>

namespace refinemask
{

namespace
{

using namespace test;

template <typename T>
void convolveBlock(ConvAtPlacesArguments<T> const& arguments, std::int64_t firstPlace)
{
    auto const shared = makeShared<ConvTerms>();
    for (std::int64_t firstOutput = 0; firstOutput < arguments.kernel.outputs;
        firstOutput += kConvTile)
    {
        std::vector<ConvSums> sums(kConvThreads);
        forThreads(kConvThreads,
            [&](int thread)
            {
                startSums(arguments, sums[thread], firstOutput, thread);
            });
        for (ConvStep step{0, 0}; isStep(arguments, step); step = nextStep(arguments, step))
        {
            forThreads(kConvThreads,
                [&](int thread)
                {
                    loadTerms(arguments, *shared, step, firstPlace, firstOutput, thread);
                });
            forThreads(kConvThreads,
                [&](int thread)
                {
                    addTerms(*shared, sums[thread], thread);
                });
        }
        forThreads(kConvThreads,
            [&](int thread)
            {
                storeSums(arguments, sums[thread], firstPlace, firstOutput, thread);
            });
    }
}

} // namespace

cudaError_t launchConvAtPlaces(ConvAtPlacesLaunch const& launch, cudaStream_t /*stream*/)
{
    return withElementType(launch.type,
        [&](auto tag)
        {
            using T = typename decltype(tag)::Type;
            ConvAtPlacesArguments<T> const arguments{static_cast<T const*>(launch.maps),
                launch.shape, launch.places, launch.numPlaces, launch.kernel,
                static_cast<T const*>(launch.weight), static_cast<T const*>(launch.bias),
                static_cast<T*>(launch.output)};
            for (std::int64_t first = 0; first < launch.numPlaces; first += kConvTile)
            {
                convolveBlock(arguments, first);
            }
        });
}

} // namespace refinemask
