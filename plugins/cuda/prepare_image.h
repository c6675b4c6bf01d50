// The launch of the kernel that prepares images (prepare_image.cu).
#pragma once

#include "cuda/launch.h"
#include "cuda/library.h"

namespace refinemask
{

cudaError_t launchPrepareImage(PrepareImageLaunch const& launch, cudaStream_t stream);

} // namespace refinemask
