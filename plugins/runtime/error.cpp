#include "runtime/error.h"

#include <array>
#include <cstring>

namespace refinemask::runtime
{
namespace
{

// Of a fixed size: keeping an error must not fail, least of all when memory runs out.
thread_local std::array<char, 2048> gMessage{};

} // namespace

refinemask_status keepError(refinemask_status status, char const* message) noexcept
{
    std::strncpy(gMessage.data(), message, gMessage.size() - 1);
    return status;
}

char const* lastError() noexcept
{
    return gMessage.data();
}

} // namespace refinemask::runtime
