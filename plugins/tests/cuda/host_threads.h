// The launch functions of the CUDA kernels, on the CPU: what their threads do between two barriers
// (cuda/*_threads.h) is called for one thread after the other. Shared memory and the workspace
// start as rubbish, as they do on a GPU. Each host_*.cpp has the launch function of one operator.
#pragma once

#include "cuda/launch.h"
#include "kernels/host_device.h"
#include "tests/cuda/bfloat16.h"

#include <cstring>
#include <memory>

namespace refinemask::test
{

//! Threads between two barriers may run in any order, so tests run them in both.
enum class ThreadOrder
{
    kFORWARD,
    kBACKWARD
};

void setThreadOrder(ThreadOrder order);

//! The place of thread `index` of `count` in the order.
int threadAt(int index, int count);

template <typename Function>
void forThreads(int count, Function const& function)
{
    for (int i = 0; i < count; ++i)
    {
        function(threadAt(i, count));
    }
}

template <typename Shared>
std::unique_ptr<Shared> makeShared()
{
    auto shared = std::make_unique<Shared>();
    std::memset(static_cast<void*>(shared.get()), 0xCD, sizeof(Shared));
    return shared;
}

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
