#include "openvino/threads.h"

#include <tbb/parallel_for.h>

namespace refinemask
{

void inArena(std::int64_t total, std::function<void(std::int64_t)> const& body)
{
    // One task at a time: a thread that is done takes the next one.
    tbb::parallel_for(std::int64_t{0}, total, body, tbb::simple_partitioner());
}

} // namespace refinemask
