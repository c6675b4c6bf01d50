// The launch functions of the CUDA kernels, on the CPU (thread_order.h). Each host_*.cpp has that
// of one operator.
#pragma once

#include "cuda/launch.h"
#include "kernels/host_device.h"
#include "tests/cuda/bfloat16.h"
#include "tests/cuda/thread_order.h"

namespace refinemask::test
{

template <typename T>
struct TypeTag
{
    using Type = T;
};

template <typename Function>
cudaError_t withElementType(ElementType type, Function const& function)
{
    switch (type)
    {
    case ElementType::kFLOAT32:
        function(TypeTag<float>{});
        break;
    case ElementType::kFLOAT16:
        function(TypeTag<Half>{});
        break;
    case ElementType::kBFLOAT16:
        function(TypeTag<Bfloat16>{});
        break;
    }
    return cudaSuccess;
}

} // namespace refinemask::test
