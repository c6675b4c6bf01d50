// Errors of the embedding library, and their way over the C interface.
#pragma once

#include "operators/errors.h"
#include "refinemask/refinemask.h"

#include <exception>
#include <new>
#include <stdexcept>
#include <string>

namespace refinemask::runtime
{

class Error : public std::runtime_error
{
public:
    Error(refinemask_status status, std::string const& message)
        : std::runtime_error(message)
        , mStatus(status)
    {
    }

    refinemask_status status() const
    {
        return mStatus;
    }

private:
    refinemask_status mStatus;
};

//! Throw an Error whose text is the parts one after the other.
template <typename... Parts>
[[noreturn]] void raise(refinemask_status status, Parts const&... parts)
{
    throw Error(status, concatenate(parts...));
}

//! Keep what refinemask_last_error() of this thread returns; return the status.
refinemask_status keepError(refinemask_status status, char const* message) noexcept;

//! Return what refinemask_last_error() returns.
char const* lastError() noexcept;

//! Run the body of a C function: what it throws becomes a status.
template <typename Body>
refinemask_status guarded(Body const& body) noexcept
{
    try
    {
        body();
        return REFINEMASK_OK;
    }
    catch (Error const& error)
    {
        return keepError(error.status(), error.what());
    }
    catch (std::invalid_argument const& error)
    {
        return keepError(REFINEMASK_INVALID_ARGUMENT, error.what());
    }
    catch (std::bad_alloc const&)
    {
        return keepError(REFINEMASK_OUT_OF_MEMORY, "memory ran out; use fewer or smaller images");
    }
    catch (std::length_error const&) // of a vector that would be larger than memory
    {
        return keepError(REFINEMASK_OUT_OF_MEMORY, "memory ran out; use fewer or smaller images");
    }
    catch (std::exception const& error)
    {
        return keepError(REFINEMASK_INTERNAL_ERROR, error.what());
    }
    catch (...)
    {
        return keepError(REFINEMASK_INTERNAL_ERROR, "an unknown exception");
    }
}

} // namespace refinemask::runtime
