#include "runtime/threads.h"

#include <algorithm>
#include <condition_variable>
#include <exception>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>

namespace refinemask
{

namespace
{

//! The tasks of one call, which its threads take one after the other.
class Tasks
{
public:
    Tasks(std::int64_t total, std::function<void(std::int64_t)> const& body)
        : mTotal(total)
        , mBody(body)
    {
    }

    //! Do tasks until none is left. A thread that finds none does not touch the body, which may be
    //! gone by then.
    void work() noexcept
    {
        std::unique_lock<std::mutex> lock(mMutex);
        while (mNext < mTotal)
        {
            std::int64_t const task = mNext++;
            ++mRunning;
            lock.unlock();
            std::exception_ptr error = run(task);
            lock.lock();
            --mRunning;
            if (error)
            {
                mError = std::move(error);
                mNext = mTotal; // nobody begins another
            }
        }
        mChanged.notify_all();
    }

    //! Wait for the tasks that other threads have begun; throw what one of them has thrown.
    void finish()
    {
        std::unique_lock<std::mutex> lock(mMutex);
        mChanged.wait(lock,
            [&]
            {
                return mRunning == 0;
            });
        if (mError)
        {
            std::rethrow_exception(std::move(mError)); // another thread may end after it is handled
        }
    }

private:
    std::exception_ptr run(std::int64_t task) noexcept
    {
        try
        {
            mBody(task);
        }
        catch (...)
        {
            return std::current_exception();
        }
        return nullptr;
    }

    std::int64_t const mTotal;
    std::function<void(std::int64_t)> const& mBody;
    std::mutex mMutex;
    std::condition_variable mChanged;
    std::int64_t mNext{0};
    std::int64_t mRunning{0};
    std::exception_ptr mError;
};

} // namespace

ParallelFor inThreads(std::int64_t tasksPerThread)
{
    return [tasksPerThread](std::int64_t total, std::function<void(std::int64_t)> const& body)
    {
        auto const tasks = std::make_shared<Tasks>(total, body);
        std::int64_t const threads
            = std::min<std::int64_t>(total / tasksPerThread, std::thread::hardware_concurrency());
        try
        {
            for (std::int64_t other = 1; other < threads; ++other)
            {
                std::thread(
                    [tasks]
                    {
                        tasks->work();
                    })
                    .detach();
            }
        }
        catch (std::exception const&)
        {
            // No more threads, or no memory for them: those that there are do it.
        }
        tasks->work();
        tasks->finish();
    };
}

} // namespace refinemask
