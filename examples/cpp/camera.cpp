// Frames as a camera delivers them: a bounded queue, several threads on one engine, and a histogram
// of the latency from the arrival of a frame to its masks.
//     camera MODEL.onnx photo.ppm [FRAMES [FRAMES_PER_SECOND [THREADS]]]
// The picture stands for every frame. Frames that arrive while the queue is full are dropped, and
// counted: masks that come late are of no use to a camera.
#include "ppm.h"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <future>
#include <iostream>
#include <map>
#include <mutex>
#include <optional>
#include <refinemask/refinemask.hpp>
#include <thread>

using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

struct Frame
{
    Picture const* picture;
    Clock::time_point arrival;
};

//! Frames between the camera and the threads that segment them.
class Queue
{
public:
    explicit Queue(std::size_t capacity)
        : mCapacity(capacity)
    {
    }

    //! Add a frame; false if there is no room.
    bool push(Frame const& frame)
    {
        std::lock_guard const lock(mMutex);
        if (mFrames.size() == mCapacity)
        {
            return false;
        }
        mFrames.push_back(frame);
        mChanged.notify_one();
        return true;
    }

    //! No more frames will come.
    void close()
    {
        std::lock_guard const lock(mMutex);
        mIsClosed = true;
        mChanged.notify_all();
    }

    //! Wait for the next frame; none after the last.
    std::optional<Frame> pop()
    {
        std::unique_lock lock(mMutex);
        mChanged.wait(lock,
            [this]
            {
                return mIsClosed || !mFrames.empty();
            });
        if (mFrames.empty())
        {
            return std::nullopt;
        }
        Frame const frame = mFrames.front();
        mFrames.pop_front();
        return frame;
    }

private:
    std::size_t mCapacity;
    std::mutex mMutex;
    std::condition_variable mChanged;
    std::deque<Frame> mFrames;
    bool mIsClosed = false;
};

//! Counts latencies in steps that double.
class Histogram
{
public:
    void add(Clock::duration latency)
    {
        auto const milliseconds
            = std::chrono::duration_cast<std::chrono::milliseconds>(latency).count();
        long bound = 1;
        while (bound <= milliseconds)
        {
            bound *= 2;
        }
        std::lock_guard const lock(mMutex);
        ++mCounts[bound];
    }

    void print() const
    {
        for (auto const& [bound, frames] : mCounts)
        {
            std::cout << "below " << bound << " ms: " << frames << '\n';
        }
    }

private:
    std::mutex mMutex;
    std::map<long, long> mCounts;
};

int main(int count, char** arguments)
try
{
    if (count < 3 || count > 6)
    {
        std::cerr << "usage: camera MODEL.onnx photo.ppm [FRAMES [FRAMES_PER_SECOND [THREADS]]]\n";
        return 2;
    }
    int const frames = count > 3 ? std::stoi(arguments[3]) : 100;
    int const rate = count > 4 ? std::stoi(arguments[4]) : 10;
    int const threads = count > 5 ? std::stoi(arguments[5]) : 2;
    if (frames < 1 || rate < 1 || threads < 1)
    {
        throw std::runtime_error("FRAMES, FRAMES_PER_SECOND and THREADS must be >= 1");
    }
    Picture const picture = readPicture(arguments[2]);
    refinemask::Engine const engine(arguments[1]);
    Queue queue(static_cast<std::size_t>(2 * threads));
    Histogram latencies;
    std::atomic<long> objects{0};
    std::vector<std::future<void>> workers;
    for (int i = 0; i < threads; ++i)
    {
        workers.push_back(std::async(std::launch::async,
            [&]
            {
                while (auto const frame = queue.pop())
                {
                    Picture const& shown = *frame->picture;
                    objects += static_cast<long>(
                        engine.predict({shown.pixels.data(), shown.width, shown.height}).size());
                    latencies.add(Clock::now() - frame->arrival);
                }
            }));
    }
    int dropped = 0;
    auto const start = Clock::now();
    for (int i = 0; i < frames; ++i)
    {
        std::this_thread::sleep_until(start + i * 1000ms / rate);
        dropped += queue.push({&picture, Clock::now()}) ? 0 : 1;
    }
    queue.close();
    for (std::future<void>& worker : workers)
    {
        worker.get(); // throws what the thread has thrown
    }
    latencies.print();
    std::cout << frames << " frames, " << dropped << " dropped, " << objects << " objects\n";
    return 0;
}
catch (std::exception const& error)
{
    std::cerr << "camera: " << error.what() << '\n';
    return 1;
}
