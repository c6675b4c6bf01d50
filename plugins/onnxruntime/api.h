// ONNX Runtime's C++ interface, and the oldest release that the library runs with.
#pragma once

#ifndef ORT_API_MANUAL_INIT
#define ORT_API_MANUAL_INIT
#endif
#include <cstdint>
#include <onnxruntime_cxx_api.h>

namespace refinemask
{

//! The oldest ONNX Runtime that runs the library is 1.20, whatever headers it is built with.
constexpr std::uint32_t kOrtApiVersion = 20;
static_assert(
    ORT_API_VERSION >= kOrtApiVersion, "build with the headers of ONNX Runtime 1.20 or newer");

} // namespace refinemask
