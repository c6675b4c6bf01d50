// Messages to the program, which says with refinemask_set_log() where they go.
#pragma once

#include "operators/errors.h"
#include "refinemask/refinemask.h"

namespace refinemask::runtime
{

//! Give the program a message that is nobody's error; what its function throws is dropped.
void writeLog(refinemask_log_level level, char const* message) noexcept;

//! The same for a text that is the parts one after the other.
template <typename... Parts>
void log(refinemask_log_level level, Parts const&... parts)
{
    writeLog(level, concatenate(parts...).c_str());
}

} // namespace refinemask::runtime
