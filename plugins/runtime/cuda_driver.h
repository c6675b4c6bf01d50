// CUDA as far as it is used here, by the library of the driver, which is loaded and never linked.
#pragma once

#include "runtime/shared_library.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

namespace refinemask::runtime
{

//! A GPU that is in use. Its context is the primary one, which TensorRT uses as well.
class Gpu
{
public:
    //! Throws an Error if there is no driver, or no GPU of this number.
    explicit Gpu(int index);
    ~Gpu();

    Gpu(Gpu const&) = delete;
    Gpu& operator=(Gpu const&) = delete;

    //! Its number.
    int index() const
    {
        return mIndex;
    }

    //! As CUDA calls it.
    std::string const& name() const
    {
        return mName;
    }

    //! Compute capability, such as "8.9".
    std::string const& capability() const
    {
        return mCapability;
    }

    //! Version of the driver, as CUDA counts.
    int driver() const;

    //! Return whether CUDA has allocated a byte in memory of this GPU. It need not be the current
    //! one.
    bool owns(void const* address) const;

    //! While it lives, the GPU is the current one of this thread. Memory and streams of the GPU are
    //! made, used and freed then only.
    class Scope
    {
    public:
        explicit Scope(Gpu const& gpu);
        ~Scope();

        Scope(Scope const&) = delete;
        Scope& operator=(Scope const&) = delete;

    private:
        Gpu const& mGpu;
    };

    struct Driver;

private:
    friend class Memory;
    friend class Stream;

    std::shared_ptr<Driver> mDriver;
    int mIndex;
    int mDevice = 0;
    void* mContext = nullptr;
    std::string mName;
    std::string mCapability;
};

//! Memory that grows and is kept, on the GPU or on the host where the GPU reads and writes it fast.
class Memory
{
public:
    enum class Place
    {
        kGpu,
        kHost
    };

    Memory(Gpu const& gpu, Place place);
    Memory(Memory&& other) noexcept;
    ~Memory();

    Memory(Memory const&) = delete;
    Memory& operator=(Memory const&) = delete;
    Memory& operator=(Memory&&) = delete;

    //! Return the address of at least so many bytes, of which the content is lost if it grows.
    //! Never nullptr: TensorRT wants an address for empty tensors too. Throws an Error.
    void* reserve(std::size_t size);

private:
    void free() noexcept;

    Gpu::Driver const& mDriver;
    Place mPlace;
    void* mAddress = nullptr;
    std::size_t mSize = 0;
};

//! What the GPU does one after the other.
class Stream
{
public:
    explicit Stream(Gpu const& gpu);
    ~Stream();

    Stream(Stream const&) = delete;
    Stream& operator=(Stream const&) = delete;

    void* handle() const
    {
        return mHandle;
    }

    //! Copy from memory of the host that Memory owns.
    void upload(void* target, void const* source, std::size_t size) const;

    //! Copy to memory of the host that Memory owns.
    void download(void* target, void const* source, std::size_t size) const;

    //! Set memory of the GPU to zero.
    void clear(void* target, std::size_t size) const;

    //! Wait until everything on the stream is done; throws an Error that begins with `purpose` if
    //! something on it failed.
    void wait(char const* purpose) const;

    //! The same where nobody can do anything about a failure.
    void settle() const noexcept;

private:
    Gpu::Driver const& mDriver;
    void* mHandle = nullptr;
};

//! Waits for what is under way, before memory that it uses is used again or freed.
struct Settled
{
    Stream const& stream;

    ~Settled()
    {
        stream.settle();
    }
};

} // namespace refinemask::runtime
