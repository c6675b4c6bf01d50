#include "tensorrt/logging.h"

#include <NvInferRuntime.h>
#include <atomic>
#include <cstdint>
#include <cstdio>
#include <dlfcn.h>
#include <memory>

namespace refinemask
{

using nvinfer1::ILogger;

//! Not without a name: a compiler knows all classes that derive from one there, which is none.
namespace layouts
{

//! What TensorRT 11 and TensorRT-RTX have before the functions of a logger and of a finder, which
//! stand first in the header of TensorRT 10.
class VersionedOf11
{
public:
    virtual void getAPILanguage() = 0;
    virtual void getInterfaceInfo() = 0;
    virtual ~VersionedOf11() = default;
};

class LoggerOf11 : public VersionedOf11
{
public:
    virtual void log(ILogger::Severity severity, char const* message) noexcept = 0;
};

class FinderOf11 : public VersionedOf11
{
public:
    virtual LoggerOf11* findLogger() = 0;
};

} // namespace layouts

namespace
{

std::atomic<nvinfer1::ILoggerFinder*> gFinder{nullptr};
std::atomic<bool> gIsOf10{true};

//! Whether an object is one of TensorRT 10, by the library that its table is in.
bool isOf10(void const* object)
{
    Dl_info place{};
    if (dladdr(*static_cast<void* const*>(object), &place) == 0)
    {
        return true;
    }
    std::unique_ptr<void, int (*)(void*)> const library(
        dlopen(place.dli_fname, RTLD_NOW | RTLD_NOLOAD), &dlclose);
    void* const version = library ? dlsym(library.get(), "getInferLibVersion") : nullptr;
    constexpr std::int32_t kMajor = 10000;
    return version == nullptr
        || reinterpret_cast<std::int32_t (*)()>(version)() / kMajor == NV_TENSORRT_MAJOR;
}

template <typename Finder>
bool passOn(Finder& finder, char const* message)
{
    auto* const logger = finder.findLogger();
    if (logger == nullptr)
    {
        return false;
    }
    logger->log(ILogger::Severity::kERROR, message);
    return true;
}

//! Give a message to the logger of the calling builder or engine, if there is one.
bool passOn(char const* message)
{
    nvinfer1::ILoggerFinder* const finder = gFinder.load();
    return finder != nullptr
        && (gIsOf10.load() ? passOn(*finder, message)
                           : passOn(*reinterpret_cast<layouts::FinderOf11*>(finder), message));
}

} // namespace

void setFinderOfLoggers(nvinfer1::ILoggerFinder* finder) noexcept
{
    gIsOf10.store(finder == nullptr || isOf10(finder));
    gFinder.store(finder);
}

void logError(char const* message) noexcept
{
    try
    {
        if (passOn(message))
        {
            return;
        }
    }
    catch (...) // A logger's trouble is not the plugin's.
    {
    }
    std::fprintf(stderr, "[refinemask] %s\n", message);
}

} // namespace refinemask
