#include "runtime/tensorrt_callbacks.h"

#include "runtime/error.h"
#include "runtime/log.h"

#include <algorithm>
#include <new>
#include <utility>

namespace refinemask::runtime
{
namespace
{

enum class Severity : std::int32_t
{
    kInternalError = 0,
    kError = 1,
    kWarning = 2
};

thread_local std::string gError;
thread_local bool gIsSilent = false;

void receive(Severity severity, char const* message) noexcept
{
    if (gIsSilent || severity > Severity::kWarning)
    {
        return;
    }
    bool const isError = severity != Severity::kWarning;
    writeLog(isError ? REFINEMASK_LOG_ERROR : REFINEMASK_LOG_WARNING, message);
    try
    {
        if (isError && gError.empty()) // the first is the cause of the others
        {
            gError = message;
        }
    }
    catch (std::bad_alloc const&) // the message is lost, and the failure is reported anyway
    {
    }
}

//! nvinfer1::ILogger of TensorRT 10.
class Logger10
{
public:
    virtual void log(Severity severity, char const* message) noexcept
    {
        receive(severity, message);
    }

    virtual ~Logger10() = default;
};

//! nvinfer1::InterfaceInfo.
struct InterfaceInfo
{
    char const* kind;
    std::int32_t major;
    std::int32_t minor;
};

//! nvinfer1::IVersionedInterface.
class Versioned
{
public:
    virtual std::int32_t language() const noexcept
    {
        return 0; // C++
    }

    virtual InterfaceInfo info() const noexcept = 0;

    virtual ~Versioned() = default;
};

//! nvinfer1::ILogger of TensorRT 11 and TensorRT-RTX.
class Logger11 : public Versioned
{
public:
    InterfaceInfo info() const noexcept override
    {
        return {"ILogger", 1, 0};
    }

    virtual void log(Severity severity, char const* message) noexcept
    {
        receive(severity, message);
    }
};

//! nvinfer1::IOutputAllocator, but for what calls back.
class VersionedAllocator : public Versioned
{
public:
    explicit VersionedAllocator(OutputMemory& memory)
        : mMemory(memory)
    {
    }

    InterfaceInfo info() const noexcept override
    {
        return {"IOutputAllocator", 1, 0};
    }

protected:
    OutputMemory& mMemory;
};

//! The same of TensorRT, which has kept an entry from before streams were given.
class OlderAllocator : public VersionedAllocator
{
public:
    using VersionedAllocator::VersionedAllocator;

    virtual void* reallocateAtOnce(char const* name, void* /*current*/, std::uint64_t size,
        std::uint64_t /*alignment*/) noexcept
    {
        return mMemory.reserve(name, size);
    }
};

template <typename Base>
class Allocator : public Base
{
public:
    using Base::Base;

    virtual void* reallocate(char const* name, void* /*current*/, std::uint64_t size,
        std::uint64_t /*alignment*/, void* /*stream*/) noexcept
    {
        return Base::mMemory.reserve(name, size);
    }

    virtual void notifyShape(char const* name, Dimensions const& shape) noexcept
    {
        Base::mMemory.notifyShape(name, shape);
    }
};

//! Return the one of the process, never destroyed: TensorRT's threads may end after us.
template <typename Logger>
void* theLogger()
{
    static Logger& logger = *std::make_unique<Logger>().release();
    return &logger;
}

} // namespace

Dimensions toDimensions(Shape const& shape)
{
    Dimensions dimensions{};
    if (shape.size() > Dimensions::kMost)
    {
        raise(REFINEMASK_INTERNAL_ERROR, "TensorRT has no shape of ", shape.size(), " dimensions");
    }
    dimensions.count = static_cast<std::int32_t>(shape.size());
    std::copy(shape.begin(), shape.end(), dimensions.lengths.begin());
    return dimensions;
}

std::shared_ptr<void> makeAllocator(Slots const& slots, OutputMemory& memory)
{
    if (slots.allocatorReallocate == kTensorRtRtx.allocatorReallocate)
    {
        return std::make_shared<Allocator<VersionedAllocator>>(memory);
    }
    return std::make_shared<Allocator<OlderAllocator>>(memory);
}

void* tensorRtLogger(Slots const& slots)
{
    return slots.loggerLog == kTensorRt10.loggerLog ? theLogger<Logger10>() : theLogger<Logger11>();
}

std::string takeTensorRtError()
{
    std::string const error = std::exchange(gError, "");
    return error.empty() ? "" : " (" + error + ")";
}

TensorRtSilence::TensorRtSilence()
{
    gIsSilent = true;
}

TensorRtSilence::~TensorRtSilence()
{
    gIsSilent = false;
}

} // namespace refinemask::runtime
