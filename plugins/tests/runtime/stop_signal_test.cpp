// Predictions that end early.
#include "runtime/error.h"
#include "runtime/stop_signal.h"
#include "tests/check.h"

#include <atomic>

namespace
{

using namespace refinemask::runtime;
using namespace std::chrono_literals;

TEST(aCancellationStopsARunOnce)
{
    Cancellation cancellation;
    StopSignal const signal(&cancellation, std::nullopt);
    std::atomic<int> stops{0};
    {
        StopSignal::Guard const guard(signal,
            [&]
            {
                ++stops;
            });
        cancellation.cancel();
        cancellation.cancel();
    }
    cancellation.cancel(); // after the run has ended
    CHECK_EQUAL(stops.load(), 1);
    StopSignal::Guard const late(signal,
        [&]
        {
            ++stops;
        });
    CHECK_EQUAL(stops.load(), 2);
}

TEST(aDeadlineStopsARun)
{
    StopSignal const signal(nullptr, StopSignal::Clock::now() + 5ms);
    std::atomic<int> stops{0};
    StopSignal::Guard const guard(signal,
        [&]
        {
            ++stops;
        });
    while (stops == 0)
    {
        std::this_thread::yield();
    }
    refinemask_status found = REFINEMASK_OK;
    try
    {
        signal.check();
    }
    catch (Error const& error)
    {
        found = error.status();
    }
    CHECK_EQUAL(found, REFINEMASK_TIMED_OUT);
}

TEST(aRunThatEndsInTimeIsNotStopped)
{
    StopSignal const signal(nullptr, StopSignal::Clock::now() + 1h);
    std::atomic<int> stops{0};
    {
        StopSignal::Guard const guard(signal,
            [&]
            {
                ++stops;
            });
    }
    CHECK_EQUAL(stops.load(), 0);
    signal.check();
}

} // namespace
