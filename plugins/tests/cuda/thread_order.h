// The threads of a block of a CUDA kernel, on the CPU: what they do between two barriers
// (cuda/*_threads.h) is called for one thread after the other. Shared memory and the workspace
// start as rubbish, as they do on a GPU.
#pragma once

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

} // namespace refinemask::test
