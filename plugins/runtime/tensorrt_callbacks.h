// What TensorRT calls: objects whose tables are laid out as a release expects them.
#pragma once

#include "operators/shape.h"
#include "runtime/tensorrt_slots.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

namespace refinemask::runtime
{

//! As TensorRT writes shapes.
struct Dimensions
{
    static constexpr std::size_t kMost = 8;

    std::int32_t count;
    std::array<std::int64_t, kMost> lengths;
};

Dimensions toDimensions(Shape const& shape);

//! Gives TensorRT memory for outputs, and gets their shapes. Neither function may throw.
class OutputMemory
{
public:
    virtual ~OutputMemory() = default;

    //! Return at least so many bytes on the GPU, or nullptr.
    virtual void* reserve(char const* name, std::uint64_t size) noexcept = 0;

    virtual void notifyShape(char const* name, Dimensions const& shape) noexcept = 0;
};

//! Return what TensorRT takes as an IOutputAllocator: it calls `memory`, which must outlive it.
std::shared_ptr<void> makeAllocator(Slots const& slots, OutputMemory& memory);

//! Return what TensorRT takes as an ILogger: the program gets its messages. There is one in a
//! process.
void* tensorRtLogger(Slots const& slots);

//! Return the first error that TensorRT has logged in this thread since the last call, in
//! parentheses after a space, or "".
std::string takeTensorRtError();

//! While it lives, what TensorRT logs in this thread is dropped: a question whose answer may be no.
class TensorRtSilence
{
public:
    TensorRtSilence();
    ~TensorRtSilence();

    TensorRtSilence(TensorRtSilence const&) = delete;
    TensorRtSilence& operator=(TensorRtSilence const&) = delete;
};

} // namespace refinemask::runtime
