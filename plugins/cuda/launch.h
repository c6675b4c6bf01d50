// What the launch functions of all CUDA kernels share. They queue work on a stream and return at
// once; they neither allocate nor wait.
#pragma once

#include <cstdint>
#include <cuda_runtime_api.h>

namespace refinemask
{

//! Blocks in the second dimension of a grid.
constexpr int kLargestGridY = 65535;

//! The type of features, logits and masks. Coordinates are always float32.
enum class ElementType
{
    kFLOAT32,
    kFLOAT16,
    kBFLOAT16
};

} // namespace refinemask
