// The functions of the CUDA driver, on memory of the host.
#include "tests/simulated/simulated.h"

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>
#include <utility>
#include <vector>

namespace
{

using namespace simulated;

constexpr std::uintptr_t kOnGpu = std::uintptr_t{1} << 62; // no address of a process has this bit

std::mutex gMutex;
std::map<std::uintptr_t, std::size_t> gMemory; // sizes by address on the host
std::atomic<int> gLive{0};
std::atomic<int> gUntilFailure{-1};
thread_local int gCurrent = 0;
int gContext; // its address stands for the primary context

struct Stream
{
    std::vector<std::function<void()>> work;
};

int allocate(void** address, std::size_t size)
{
    if (gCurrent == 0)
    {
        return kInvalidContext;
    }
    if (gUntilFailure.fetch_sub(1) == 0)
    {
        return kOutOfMemory;
    }
    *address = std::malloc(size);
    std::lock_guard const lock(gMutex);
    gMemory[reinterpret_cast<std::uintptr_t>(*address)] = size;
    count(1);
    return kSuccess;
}

int release(void* address)
{
    std::lock_guard const lock(gMutex);
    if (gCurrent == 0 || gMemory.erase(reinterpret_cast<std::uintptr_t>(address)) == 0)
    {
        return std::abort(), kInvalidValue;
    }
    std::free(address);
    count(-1);
    return kSuccess;
}

void* without(std::uintptr_t address)
{
    return reinterpret_cast<void*>(address & ~kOnGpu);
}

//! Return whether so many bytes are in one allocation.
bool holds(void const* address, std::size_t size)
{
    std::lock_guard const lock(gMutex);
    auto const start = reinterpret_cast<std::uintptr_t>(address);
    auto const next = gMemory.upper_bound(start);
    if (next == gMemory.begin())
    {
        return false;
    }
    auto const& [first, length] = *std::prev(next);
    return start + size <= first + length;
}

} // namespace

namespace simulated
{

std::uint8_t* onHost(void const* address, std::size_t size)
{
    auto const number = reinterpret_cast<std::uintptr_t>(address);
    void* const found = without(number);
    return (number & kOnGpu) != 0 && holds(found, size) ? static_cast<std::uint8_t*>(found)
                                                        : nullptr;
}

void enqueue(void* stream, std::function<void()> work)
{
    static_cast<Stream*>(stream)->work.push_back(std::move(work));
}

void drain(void* stream)
{
    for (auto const& work : std::exchange(static_cast<Stream*>(stream)->work, {}))
    {
        work();
    }
}

void count(int change)
{
    gLive += change;
}

bool hasCurrent()
{
    return gCurrent > 0;
}

} // namespace simulated

extern "C"
{

    void simulated_fail_after(int count)
    {
        gUntilFailure = count;
    }

    int simulated_live()
    {
        return gLive;
    }

    int cuInit(unsigned)
    {
        return std::getenv("SIMULATED_NO_GPU") != nullptr ? kNoDevice : kSuccess;
    }

    int cuDriverGetVersion(int* version)
    {
        *version = 13000;
        return kSuccess;
    }

    int cuGetErrorName(int error, char const** name)
    {
        *name = error == kOutOfMemory ? "CUDA_ERROR_OUT_OF_MEMORY"
            : error == kNoDevice      ? "CUDA_ERROR_NO_DEVICE"
                                      : "CUDA_ERROR_INVALID";
        return kSuccess;
    }

    int cuGetErrorString(int error, char const** text)
    {
        *text = error == kOutOfMemory ? "out of memory"
            : error == kNoDevice      ? "no CUDA-capable device is detected"
                                      : "invalid";
        return kSuccess;
    }

    int cuDeviceGet(int* device, int index)
    {
        *device = index;
        return index == 0 ? kSuccess : kInvalidValue;
    }

    int cuDeviceGetName(char* name, int length, int)
    {
        std::strncpy(name, "Simulated GPU", static_cast<std::size_t>(length));
        return kSuccess;
    }

    int cuDeviceGetAttribute(int* value, int attribute, int)
    {
        *value = attribute == 75 ? 8 : 9;
        return kSuccess;
    }

    int cuDevicePrimaryCtxRetain(void** context, int)
    {
        *context = &gContext;
        count(1);
        return kSuccess;
    }

    int cuDevicePrimaryCtxRelease_v2(int)
    {
        count(-1);
        return kSuccess;
    }

    int cuCtxPushCurrent_v2(void* context)
    {
        ++gCurrent;
        return context == &gContext ? kSuccess : kInvalidContext;
    }

    int cuCtxPopCurrent_v2(void** context)
    {
        --gCurrent;
        *context = &gContext;
        return kSuccess;
    }

    int cuMemAlloc_v2(unsigned long long* address, std::size_t size)
    {
        void* memory = nullptr;
        int const result = allocate(&memory, size);
        *address = reinterpret_cast<std::uintptr_t>(memory) | kOnGpu;
        return result;
    }

    int cuMemFree_v2(unsigned long long address)
    {
        return release(without(address));
    }

    int cuMemAllocHost_v2(void** address, std::size_t size)
    {
        return allocate(address, size);
    }

    int cuMemFreeHost(void* address)
    {
        return release(address);
    }

    int cuStreamCreate(void** stream, unsigned)
    {
        *stream = new Stream;
        count(1);
        return gCurrent > 0 ? kSuccess : kInvalidContext;
    }

    int cuStreamDestroy_v2(void* stream)
    {
        drain(stream);
        delete static_cast<Stream*>(stream);
        count(-1);
        return kSuccess;
    }

    int cuStreamSynchronize(void* stream)
    {
        drain(stream);
        return kSuccess;
    }

    int cuPointerGetAttribute(void* value, int attribute, unsigned long long pointer)
    {
        constexpr int kMemoryType = 2;
        auto const address = static_cast<std::uintptr_t>(pointer);
        if (!holds(without(address), 1))
        {
            return kInvalidValue; // not allocated by CUDA
        }
        *static_cast<int*>(value) = attribute != kMemoryType ? 0 : (address & kOnGpu) != 0 ? 2 : 1;
        return kSuccess;
    }

    int cuMemsetD8Async(
        unsigned long long target, unsigned char value, std::size_t size, void* stream)
    {
        auto* const memory = onHost(reinterpret_cast<void*>(target), size);
        if (gCurrent == 0 || memory == nullptr)
        {
            return kInvalidValue;
        }
        enqueue(stream,
            [=]
            {
                std::memset(memory, value, size);
            });
        return kSuccess;
    }

    int cuMemcpyHtoDAsync_v2(
        unsigned long long target, void const* source, std::size_t size, void* stream)
    {
        auto* const memory = onHost(reinterpret_cast<void*>(target), size);
        if (gCurrent == 0 || memory == nullptr || !holds(source, size))
        {
            return kInvalidValue;
        }
        enqueue(stream,
            [=]
            {
                std::memcpy(memory, source, size);
            });
        return kSuccess;
    }

    int cuMemcpyDtoHAsync_v2(
        void* target, unsigned long long source, std::size_t size, void* stream)
    {
        auto* const memory = onHost(reinterpret_cast<void*>(source), size);
        if (gCurrent == 0 || memory == nullptr || !holds(target, size))
        {
            return kInvalidValue;
        }
        enqueue(stream,
            [=]
            {
                std::memcpy(target, memory, size);
            });
        return kSuccess;
    }

} // extern "C"
