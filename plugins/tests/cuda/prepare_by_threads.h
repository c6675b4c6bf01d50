// The kernel that prepares images, on the CPU, without headers of CUDA.
#pragma once

#include "cuda/library.h"

namespace refinemask::test
{

void prepareImageByThreads(PrepareImageLaunch const& launch);

} // namespace refinemask::test
