// Threads for calls from programs that bring none.
#pragma once

#include "cpu/parallel.h"

namespace refinemask
{

//! A ParallelFor in the calling thread and at most as many more as the CPU runs at a time, one for
//! each `tasksPerThread` tasks. None of them outlives the work, so that a process may fork between
//! two calls; one that the system starts late, when all is done, is not waited for.
ParallelFor inThreads(std::int64_t tasksPerThread);

} // namespace refinemask
