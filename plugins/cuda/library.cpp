#include "cuda/library.h"

#include "cuda/prepare_image.h"

#pragma GCC visibility push(default)

char const* refinemask_cuda_version() noexcept
{
    return REFINEMASK_VERSION;
}

char const* refinemask_cuda_prepare_image(
    refinemask::PrepareImageLaunch const* launch, void* stream) noexcept
{
    cudaError_t const status
        = refinemask::launchPrepareImage(*launch, static_cast<cudaStream_t>(stream));
    return status == cudaSuccess ? nullptr : cudaGetErrorString(status);
}

#pragma GCC visibility pop
