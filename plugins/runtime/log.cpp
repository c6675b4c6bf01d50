#include "runtime/log.h"

#include <memory>
#include <mutex>
#include <shared_mutex>

namespace refinemask::runtime
{
namespace
{

struct Log
{
    std::shared_mutex mutex; // held while the function runs
    refinemask_log_function function = nullptr;
    void* userData = nullptr;
    refinemask_log_level most = REFINEMASK_LOG_ERROR;
};

//! Never destroyed: threads of the runtimes may write until the process ends.
Log& theLog()
{
    static Log& log = *std::make_unique<Log>().release();
    return log;
}

} // namespace

void writeLog(refinemask_log_level level, char const* message) noexcept
{
    Log& log = theLog();
    std::shared_lock const lock(log.mutex);
    if (log.function == nullptr || level > log.most)
    {
        return;
    }
    try
    {
        log.function(level, message, log.userData);
    }
    catch (...) // of a program in C++; nothing may leave through the runtimes
    {
    }
}

} // namespace refinemask::runtime

#pragma GCC visibility push(default)

void refinemask_set_log(
    refinemask_log_function function, void* user_data, refinemask_log_level most)
{
    refinemask::runtime::Log& log = refinemask::runtime::theLog();
    std::unique_lock const lock(log.mutex);
    log.function = function;
    log.userData = user_data;
    log.most = most;
}
