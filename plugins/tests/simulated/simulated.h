// A simulated NVIDIA GPU with TensorRT, in memory of the host: what the tests ask of it.
//
// libsimulated_tensorrt.so has the functions of the CUDA driver, of TensorRT and of
// librefinemask_cuda.so that librefinemask uses. What is on a stream runs when somebody waits for
// it, addresses on the GPU are none of the host, and what is used without a current GPU, twice
// freed or copied out of bounds is an error.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>

extern "C"
{
    //! Let the allocation after so many fail; negative for none.
    void simulated_fail_after(int count);

    //! Return how many objects, allocations and streams exist.
    int simulated_live();

    //! Return how often the plugin library was loaded.
    int simulated_plugin_loads();
}

namespace simulated
{

constexpr int kSuccess = 0;
constexpr int kInvalidValue = 1;
constexpr int kOutOfMemory = 2;
constexpr int kNoDevice = 100;
constexpr int kInvalidContext = 201;

//! Return where memory of the GPU is on the host; nullptr unless so many bytes of it are there.
std::uint8_t* onHost(void const* address, std::size_t size);

//! Put work on a stream.
void enqueue(void* stream, std::function<void()> work);

//! Do all that is on a stream.
void drain(void* stream);

//! Count an object that begins or, with -1, ends.
void count(int change);

//! Return whether a GPU is the current one of this thread.
bool hasCurrent();

} // namespace simulated
