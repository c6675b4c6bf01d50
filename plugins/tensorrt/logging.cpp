#include "tensorrt/logging.h"

#include <NvInferRuntime.h>
#include <atomic>
#include <cstdio>

namespace refinemask
{

namespace
{

std::atomic<nvinfer1::ILoggerFinder*> gFinder{nullptr};

nvinfer1::ILogger* findLogger()
{
    nvinfer1::ILoggerFinder* const finder = gFinder.load();
    return finder == nullptr ? nullptr : finder->findLogger();
}

} // namespace

void setFinderOfLoggers(nvinfer1::ILoggerFinder* finder) noexcept
{
    gFinder.store(finder);
}

void logError(char const* message) noexcept
{
    try
    {
        if (nvinfer1::ILogger* const logger = findLogger())
        {
            logger->log(nvinfer1::ILogger::Severity::kERROR, message);
            return;
        }
    }
    catch (...) // A logger's trouble is not the plugin's.
    {
    }
    std::fprintf(stderr, "[refinemask] %s\n", message);
}

} // namespace refinemask
