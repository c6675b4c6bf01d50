// Errors of the plugins, for the logger of the builder or engine that calls them.
#pragma once

#include <exception>
#include <string>

namespace nvinfer1
{
class ILoggerFinder;
}

namespace refinemask
{

//! Say where loggers are; without it, or if it has none, errors go to standard error.
void setFinderOfLoggers(nvinfer1::ILoggerFinder* finder) noexcept;

void logError(char const* message) noexcept;

//! Call `function` and return what it returns; if it throws, log the reason and return `otherwise`.
//!
//! Exceptions must not reach TensorRT.
template <typename Result, typename Function>
Result catchAndLog(char const* operatorName, Result otherwise, Function const& function) noexcept
{
    try
    {
        return function();
    }
    catch (std::exception const& error)
    {
        logError(error.what());
    }
    catch (...)
    {
        logError(operatorName);
    }
    return otherwise;
}

} // namespace refinemask
