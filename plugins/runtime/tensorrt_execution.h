// An execution context of an engine of TensorRT, and the memory of what it takes and gives.
#pragma once

#include "runtime/backend.h"
#include "runtime/cuda_driver.h"
#include "runtime/error.h"
#include "runtime/tensorrt_callbacks.h"
#include "runtime/tensorrt_interface.h"

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace refinemask::runtime
{

//! What is known of an input or output.
struct Port
{
    ElementType type;
    bool isInput;
    bool isOnHost;
};

using Ports = std::map<std::string, Port>;

//! A context with memory of its own. One thread uses it at a time, while the GPU is the current
//! one.
class Execution : private OutputMemory
{
public:
    //! \param ports must outlive it, as must the GPU. Throws an Error.
    Execution(
        TensorRtObject context, TensorRtLibrary const& library, Gpu const& gpu, Ports const& ports);

    //! Return the outputs, which stay until the next run; throws an Error. Whether it is to stop is
    //! asked before and after the GPU works, which nothing stops meanwhile.
    std::vector<Tensor> run(std::vector<Tensor> const& inputs,
        std::vector<char const*> const& outputNames, StopSignal const& stop);

private:
    //! Give TensorRT an input, where it is or where its copy is going to be.
    void give(Tensor const& input);

    //! Enqueue the copy of an input of the host to where TensorRT takes it, which is returned.
    void* upload(Tensor const& input);

    //! Enqueue the copy of an output to the host.
    Tensor fetch(char const* name);

    void* reserve(char const* name, std::uint64_t size) noexcept override;
    void notifyShape(char const* name, Dimensions const& shape) noexcept override;

    Slots const& mSlots;
    Ports const& mPorts;
    std::map<std::string, Memory> mOnGpu;
    std::map<std::string, Memory> mOnHost;
    std::map<std::string, Shape> mShapes;
    std::optional<Error> mFailure; // of what TensorRT called
    Stream mStream;
    std::shared_ptr<void> mAllocator;
    TensorRtObject mContext; // ends before what it uses
};

} // namespace refinemask::runtime
