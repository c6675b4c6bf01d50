// Threads for calls from programs that bring none.
#include "runtime/threads.h"
#include "tests/check.h"

#include <atomic>
#include <stdexcept>

namespace
{

using namespace refinemask;

TEST(threadsDoEveryTaskOnce)
{
    for (int round = 0; round < 200; ++round)
    {
        for (std::int64_t const total : {0, 1, 7, 100})
        {
            std::vector<std::atomic<int>> counts(static_cast<std::size_t>(total));
            inThreads(2)(total,
                [&](std::int64_t task)
                {
                    ++counts[static_cast<std::size_t>(task)];
                });
            for (std::atomic<int> const& count : counts)
            {
                CHECK_EQUAL(count.load(), 1);
            }
        }
    }
}

TEST(threadsHandOnWhatATaskThrows)
{
    std::atomic<int> done{0};
    std::string message;
    try
    {
        inThreads(2)(100000,
            [&](std::int64_t task)
            {
                if (task == 321)
                {
                    throw std::invalid_argument("task 321");
                }
                ++done;
            });
    }
    catch (std::invalid_argument const& error)
    {
        message = error.what();
    }
    CHECK_EQUAL(message, "task 321");
    CHECK(done.load() < 99999); // those after it are not begun
}

} // namespace
