// How predictions end before they are done: by a cancellation, or when their time is over.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <list>
#include <mutex>
#include <optional>
#include <thread>

namespace refinemask::runtime
{

//! What a program cancels. Safe in any thread.
class Cancellation
{
public:
    using Listener = std::function<void()>;

    //! Call all listeners, and those added later at once.
    void cancel();

    bool isCancelled() const;

    //! A listener as long as this lives. When it has ended, the listener is not running and will
    //! not be called again.
    class Registration
    {
    public:
        Registration(Cancellation& cancellation, Listener listener);
        ~Registration();

        Registration(Registration const&) = delete;
        Registration& operator=(Registration const&) = delete;

    private:
        Cancellation& mCancellation;
        std::list<Listener>::iterator mPosition;
    };

private:
    mutable std::mutex mMutex;
    std::list<Listener> mListeners;
    bool mIsCancelled = false;
};

//! Ends one prediction, which may consist of several runs.
class StopSignal
{
public:
    using Clock = std::chrono::steady_clock;

    //! \param cancellation or nullptr.
    StopSignal(Cancellation* cancellation, std::optional<Clock::time_point> deadline);

    //! Throw an Error if the prediction is to end.
    void check() const;

    //! While it lives, `stop` is called once, from another thread, when the prediction is to end.
    class Guard
    {
    public:
        Guard(StopSignal const& signal, std::function<void()> stop);
        ~Guard();

        Guard(Guard const&) = delete;
        Guard& operator=(Guard const&) = delete;

    private:
        void wait(Clock::time_point deadline);

        std::function<void()> mStop;
        std::once_flag mStopped;
        std::mutex mMutex;
        std::condition_variable mEnded;
        bool mHasEnded = false;
        std::thread mTimer;
        std::optional<Cancellation::Registration> mListener; // ends before what it calls
    };

private:
    Cancellation* mCancellation;
    std::optional<Clock::time_point> mDeadline;
};

} // namespace refinemask::runtime
