#include "onnxruntime/thread_pool.h"

#include <atomic>
#include <exception>
#include <functional>

namespace refinemask
{

ParallelFor threadPool(Ort::KernelContext const& context)
{
    return [context](std::int64_t total, std::function<void(std::int64_t)> const& body)
    {
        struct Work
        {
            std::function<void(std::int64_t)> const& body;
            std::atomic_flag failed = ATOMIC_FLAG_INIT;
            std::exception_ptr error;
        } work{body, {}, nullptr};
        auto const run = [](void* data, std::size_t index)
        {
            // Nothing in the runtime's threads catches an exception.
            Work& shared = *static_cast<Work*>(data);
            try
            {
                shared.body(static_cast<std::int64_t>(index));
            }
            catch (...)
            {
                if (!shared.failed.test_and_set())
                {
                    shared.error = std::current_exception();
                }
            }
        };
        auto const tasks = static_cast<std::size_t>(total);
        // As many batches as tasks: a thread that is done takes the next one.
        context.ParallelFor(run, tasks, tasks, &work);
        if (work.error)
        {
            std::rethrow_exception(work.error);
        }
    };
}

} // namespace refinemask
