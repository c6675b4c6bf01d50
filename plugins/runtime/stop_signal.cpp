#include "runtime/stop_signal.h"

#include "runtime/error.h"

#include <utility>

namespace refinemask::runtime
{

void Cancellation::cancel()
{
    std::lock_guard const lock(mMutex);
    mIsCancelled = true;
    for (Listener const& listener : mListeners)
    {
        listener();
    }
}

bool Cancellation::isCancelled() const
{
    std::lock_guard const lock(mMutex);
    return mIsCancelled;
}

Cancellation::Registration::Registration(Cancellation& cancellation, Listener listener)
    : mCancellation(cancellation)
{
    std::lock_guard const lock(cancellation.mMutex);
    cancellation.mListeners.push_back(std::move(listener));
    mPosition = std::prev(cancellation.mListeners.end());
    if (cancellation.mIsCancelled)
    {
        cancellation.mListeners.back()();
    }
}

Cancellation::Registration::~Registration()
{
    std::lock_guard const lock(mCancellation.mMutex);
    mCancellation.mListeners.erase(mPosition);
}

StopSignal::StopSignal(Cancellation* cancellation, std::optional<Clock::time_point> deadline)
    : mCancellation(cancellation)
    , mDeadline(deadline)
{
}

void StopSignal::check() const
{
    if (mCancellation != nullptr && mCancellation->isCancelled())
    {
        raise(REFINEMASK_CANCELLED, "the prediction was cancelled");
    }
    if (mDeadline && Clock::now() >= *mDeadline)
    {
        raise(REFINEMASK_TIMED_OUT,
            "the prediction was not done in time; allow more, or use smaller images");
    }
}

StopSignal::Guard::Guard(StopSignal const& signal, std::function<void()> stop)
    : mStop(std::move(stop))
{
    if (signal.mCancellation != nullptr)
    {
        mListener.emplace(*signal.mCancellation,
            [this]
            {
                std::call_once(mStopped, mStop);
            });
    }
    if (signal.mDeadline)
    {
        mTimer = std::thread(
            [this, deadline = *signal.mDeadline]
            {
                wait(deadline);
            });
    }
}

StopSignal::Guard::~Guard()
{
    if (mTimer.joinable())
    {
        {
            std::lock_guard const lock(mMutex);
            mHasEnded = true;
        }
        mEnded.notify_one();
        mTimer.join();
    }
}

void StopSignal::Guard::wait(Clock::time_point deadline)
{
    std::unique_lock lock(mMutex);
    if (!mEnded.wait_until(lock, deadline,
            [this]
            {
                return mHasEnded;
            }))
    {
        std::call_once(mStopped, mStop);
    }
}

} // namespace refinemask::runtime
