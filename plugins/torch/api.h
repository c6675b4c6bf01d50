// PyTorch's stable interface, and the oldest release that the library runs with.
#pragma once

#ifndef TORCH_TARGET_VERSION
#define TORCH_TARGET_VERSION                                                                       \
    ((2ULL << 56) | (10ULL << 48)) // 2.10, whatever headers it is built with
#endif
#include <torch/csrc/stable/library.h>
#include <torch/csrc/stable/ops.h>
#include <torch/csrc/stable/tensor.h>

namespace refinemask
{

using torch::headeronly::ScalarType;
using torch::stable::Tensor;
using TorchLibrary = torch::stable::detail::StableLibrary;

} // namespace refinemask
