// librefinemask_cuda.so, whose kernel's threads the CPU runs when somebody waits for the stream.
#include "cuda/library.h"
#include "tests/cuda/prepare_by_threads.h"
#include "tests/simulated/simulated.h"

#include <cstdlib>

namespace
{

using namespace refinemask;

std::size_t bytesOf(ImageView const& image)
{
    return static_cast<std::size_t>(
        (image.height - 1) * image.stride + image.width * channelCount(image.format));
}

} // namespace

char const* refinemask_cuda_version() noexcept
{
    char const* const other = std::getenv("SIMULATED_VERSION");
    return other != nullptr ? other : REFINEMASK_VERSION;
}

char const* refinemask_cuda_prepare_image(PrepareImageLaunch const* launch, void* stream) noexcept
{
    PrepareImageLaunch work = *launch;
    auto const padded
        = static_cast<std::size_t>(3 * work.size.paddedHeight * work.size.paddedWidth);
    work.source.data = simulated::onHost(work.source.data, bytesOf(work.source));
    work.target = simulated::onHost(work.target, padded);
    if (!simulated::hasCurrent() || work.source.data == nullptr || work.target == nullptr)
    {
        return "an illegal memory access was encountered";
    }
    simulated::enqueue(stream,
        [work]
        {
            test::prepareImageByThreads(work);
        });
    return nullptr;
}
