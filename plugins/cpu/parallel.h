// How the operators of this folder use several threads: whoever calls them brings the threads.
#pragma once

#include <cstdint>
#include <functional>

namespace refinemask
{

//! Calls `body` with 0 to total - 1, in any order and from any number of threads, and returns when
//! all are done. An exception of the body comes out of the call.
using ParallelFor
    = std::function<void(std::int64_t total, std::function<void(std::int64_t)> const& body)>;

//! The calling thread alone.
inline void serially(std::int64_t total, std::function<void(std::int64_t)> const& body)
{
    for (std::int64_t index = 0; index < total; ++index)
    {
        body(index);
    }
}

inline std::int64_t divideUp(std::int64_t value, std::int64_t divisor)
{
    return (value + divisor - 1) / divisor;
}

} // namespace refinemask
