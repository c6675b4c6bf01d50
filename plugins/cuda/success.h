// Errors of CUDA as exceptions, for hosts whose operators may throw.
#pragma once

#include "cuda/launch.h"
#include "operators/errors.h"

namespace refinemask
{

//! Throw std::runtime_error that names the operator, unless a call of CUDA succeeded.
inline void requireSuccess(char const* operatorName, cudaError_t status)
{
    if (status != cudaSuccess)
    {
        throw std::runtime_error(
            concatenate(operatorName, ": CUDA error ", cudaGetErrorString(status)));
    }
}

} // namespace refinemask
