// The session's threads.
#pragma once

#include "cpu/parallel.h"
#include "onnxruntime/api.h"

namespace refinemask
{

ParallelFor threadPool(Ort::KernelContext const& context);

} // namespace refinemask
