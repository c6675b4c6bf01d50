#include "runtime/cuda_driver.h"

#include "runtime/error.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

namespace refinemask::runtime
{
namespace
{

// As in cuda.h, of which these few have not changed since CUDA 4.
constexpr int kSuccess = 0;
constexpr int kOutOfMemory = 2;
constexpr int kMajor = 75; // CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR
constexpr int kMinor = 76;
constexpr int kMemoryType = 2;       // CU_POINTER_ATTRIBUTE_MEMORY_TYPE, an unsigned
constexpr unsigned kOnDevice = 2;    // CU_MEMORYTYPE_DEVICE
constexpr int kOrdinal = 9;          // CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL, an int
constexpr unsigned kNonBlocking = 1; // CU_STREAM_NON_BLOCKING
using Address = unsigned long long;

constexpr std::size_t kAlignment = 256; // bytes, what TensorRT asks for and CUDA gives
constexpr char const* kAdvice = "install the driver of an NVIDIA GPU, or name its libcuda.so.1 in "
                                "REFINEMASK_CUDA";

Address toAddress(void const* pointer)
{
    return reinterpret_cast<Address>(pointer);
}

} // namespace

struct Gpu::Driver
{
    explicit Driver(std::vector<std::string> const& paths)
        : library("the CUDA driver", paths, kAdvice)
    {
        check(find<int(unsigned)>("cuInit")(0), "the CUDA driver cannot be used");
    }

    template <typename Function>
    Function* find(char const* name) const
    {
        return library.function<Function>(name);
    }

    //! Throw an Error that begins with `purpose` if a call failed.
    void check(int result, std::string const& purpose) const
    {
        if (result == kSuccess)
        {
            return;
        }
        char const* name = "unknown";
        char const* text = "unknown error";
        errorName(result, &name);
        errorText(result, &text);
        raise(result == kOutOfMemory ? REFINEMASK_OUT_OF_MEMORY : REFINEMASK_RUNTIME_FAILED,
            purpose, ": ", text, " (", name, "); check GPU and driver with nvidia-smi");
    }

    SharedLibrary library;
    int (*errorName)(int, char const**) = find<int(int, char const**)>("cuGetErrorName");
    int (*errorText)(int, char const**) = find<int(int, char const**)>("cuGetErrorString");
    int (*version)(int*) = find<int(int*)>("cuDriverGetVersion");
    int (*device)(int*, int) = find<int(int*, int)>("cuDeviceGet");
    int (*deviceName)(char*, int, int) = find<int(char*, int, int)>("cuDeviceGetName");
    int (*attribute)(int*, int, int) = find<int(int*, int, int)>("cuDeviceGetAttribute");
    int (*retain)(void**, int) = find<int(void**, int)>("cuDevicePrimaryCtxRetain");
    int (*release)(int) = find<int(int)>("cuDevicePrimaryCtxRelease_v2");
    int (*push)(void*) = find<int(void*)>("cuCtxPushCurrent_v2");
    int (*pop)(void**) = find<int(void**)>("cuCtxPopCurrent_v2");
    int (*pointerAttribute)(void*, int, Address)
        = find<int(void*, int, Address)>("cuPointerGetAttribute");
    int (*allocate)(Address*, std::size_t) = find<int(Address*, std::size_t)>("cuMemAlloc_v2");
    int (*free)(Address) = find<int(Address)>("cuMemFree_v2");
    int (*allocateHost)(void**, std::size_t) = find<int(void**, std::size_t)>("cuMemAllocHost_v2");
    int (*freeHost)(void*) = find<int(void*)>("cuMemFreeHost");
    int (*createStream)(void**, unsigned) = find<int(void**, unsigned)>("cuStreamCreate");
    int (*destroyStream)(void*) = find<int(void*)>("cuStreamDestroy_v2");
    int (*synchronize)(void*) = find<int(void*)>("cuStreamSynchronize");
    int (*upload)(Address, void const*, std::size_t, void*)
        = find<int(Address, void const*, std::size_t, void*)>("cuMemcpyHtoDAsync_v2");
    int (*download)(void*, Address, std::size_t, void*)
        = find<int(void*, Address, std::size_t, void*)>("cuMemcpyDtoHAsync_v2");
    int (*set)(Address, unsigned char, std::size_t, void*)
        = find<int(Address, unsigned char, std::size_t, void*)>("cuMemsetD8Async");
};

Gpu::Gpu(int index)
    : mDriver(sharedApi<Driver>(libraryPaths("", "REFINEMASK_CUDA", {"libcuda.so.1"})))
    , mIndex(index)
{
    std::string const missing = concatenate("there is no GPU cuda:", index);
    mDriver->check(mDriver->device(&mDevice, index), missing);
    std::array<char, 256> name{};
    mDriver->check(
        mDriver->deviceName(name.data(), static_cast<int>(name.size()) - 1, mDevice), missing);
    mName = name.data();
    int major = 0;
    int minor = 0;
    mDriver->check(mDriver->attribute(&major, kMajor, mDevice), missing);
    mDriver->check(mDriver->attribute(&minor, kMinor, mDevice), missing);
    mCapability = concatenate(major, ".", minor);
    mDriver->check(mDriver->retain(&mContext, mDevice), concatenate("cuda:", index));
}

Gpu::~Gpu()
{
    mDriver->release(mDevice);
}

int Gpu::driver() const
{
    int version = 0;
    mDriver->check(mDriver->version(&version), "the version of the driver");
    return version;
}

bool Gpu::owns(void const* address) const
{
    unsigned type = 0;
    int ordinal = -1;
    return mDriver->pointerAttribute(&type, kMemoryType, toAddress(address)) == kSuccess
        && type == kOnDevice
        && mDriver->pointerAttribute(&ordinal, kOrdinal, toAddress(address)) == kSuccess
        && ordinal == mIndex;
}

Gpu::Scope::Scope(Gpu const& gpu)
    : mGpu(gpu)
{
    gpu.mDriver->check(gpu.mDriver->push(gpu.mContext), "using the GPU");
}

Gpu::Scope::~Scope()
{
    void* before = nullptr;
    mGpu.mDriver->pop(&before);
}

Memory::Memory(Gpu const& gpu, Place place)
    : mDriver(*gpu.mDriver)
    , mPlace(place)
{
}

Memory::Memory(Memory&& other) noexcept
    : mDriver(other.mDriver)
    , mPlace(other.mPlace)
    , mAddress(std::exchange(other.mAddress, nullptr))
    , mSize(std::exchange(other.mSize, 0))
{
}

Memory::~Memory()
{
    free();
}

void* Memory::reserve(std::size_t size)
{
    size = std::max(size, kAlignment);
    if (size > mSize)
    {
        free();
        bool const onGpu = mPlace == Place::kGpu;
        std::string const purpose
            = concatenate(size, " bytes of memory of the ", onGpu ? "GPU" : "host");
        if (onGpu)
        {
            Address address = 0;
            mDriver.check(mDriver.allocate(&address, size), purpose);
            mAddress = reinterpret_cast<void*>(address);
        }
        else
        {
            mDriver.check(mDriver.allocateHost(&mAddress, size), purpose);
        }
        mSize = size;
    }
    return mAddress;
}

void Memory::free() noexcept
{
    if (mAddress != nullptr)
    {
        mPlace == Place::kGpu ? mDriver.free(toAddress(mAddress)) : mDriver.freeHost(mAddress);
    }
    mAddress = nullptr;
    mSize = 0;
}

Stream::Stream(Gpu const& gpu)
    : mDriver(*gpu.mDriver)
{
    mDriver.check(mDriver.createStream(&mHandle, kNonBlocking), "a CUDA stream");
}

Stream::~Stream()
{
    mDriver.destroyStream(mHandle);
}

void Stream::upload(void* target, void const* source, std::size_t size) const
{
    mDriver.check(mDriver.upload(toAddress(target), source, size, mHandle),
        concatenate("copying ", size, " bytes to the GPU"));
}

void Stream::download(void* target, void const* source, std::size_t size) const
{
    mDriver.check(mDriver.download(target, toAddress(source), size, mHandle),
        concatenate("copying ", size, " bytes from the GPU"));
}

void Stream::clear(void* target, std::size_t size) const
{
    if (size > 0)
    {
        mDriver.check(mDriver.set(toAddress(target), 0, size, mHandle),
            concatenate("clearing ", size, " bytes of the GPU"));
    }
}

void Stream::wait(char const* purpose) const
{
    mDriver.check(mDriver.synchronize(mHandle), purpose);
}

void Stream::settle() const noexcept
{
    mDriver.synchronize(mHandle);
}

} // namespace refinemask::runtime
