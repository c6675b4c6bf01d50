#include "runtime/tensorrt_execution.h"

#include <algorithm>
#include <utility>

namespace refinemask::runtime
{
namespace
{

void require(bool isAccepted, std::string const& what)
{
    if (!isAccepted)
    {
        raise(REFINEMASK_RUNTIME_FAILED, "TensorRT refuses ", what, takeTensorRtError());
    }
}

} // namespace

Execution::Execution(
    TensorRtObject context, TensorRtLibrary const& library, Gpu const& gpu, Ports const& ports)
    : mSlots(library.slots())
    , mPorts(ports)
    , mStream(gpu)
    , mAllocator(makeAllocator(mSlots, *this))
    , mContext(std::move(context))
{
    for (auto const& [name, port] : ports)
    {
        mOnGpu.emplace(name, Memory(gpu, Memory::Place::kGpu));
        mOnHost.emplace(name, Memory(gpu, Memory::Place::kHost));
        if (!port.isInput)
        {
            require(mContext.call<bool>(mSlots.contextSetAllocator, name.c_str(), mAllocator.get()),
                "its output " + name);
        }
    }
}

std::vector<Tensor> Execution::run(std::vector<Tensor> const& inputs,
    std::vector<char const*> const& outputNames, StopSignal const& stop)
{
    mShapes.clear();
    mFailure.reset();
    Settled const settled{mStream};
    for (Tensor const& input : inputs)
    {
        give(input);
    }
    stop.check();
    takeTensorRtError();
    bool const isAccepted = mContext.call<bool>(mSlots.contextEnqueue, mStream.handle());
    if (mFailure)
    {
        throw Error(*mFailure);
    }
    require(isAccepted, "what it was given");
    stop.check();
    std::vector<Tensor> outputs;
    for (char const* name : outputNames)
    {
        outputs.push_back(fetch(name));
    }
    mStream.wait("running the engine");
    stop.check();
    return outputs;
}

void Execution::give(Tensor const& input)
{
    void* const address = input.isOnGpu ? const_cast<void*>(input.data)
                                        : upload(input); // which TensorRT only reads
    Dimensions const shape = toDimensions(input.shape);
    require(mContext.call<bool>(mSlots.contextSetInputShape, input.name, &shape)
            && mContext.call<bool>(mSlots.contextSetAddress, input.name, address),
        concatenate("the input ", input.name, " of the shape ", toText(input.shape)));
}

void* Execution::upload(Tensor const& input)
{
    std::size_t const size = byteSize(input);
    void* const onHost = mOnHost.at(input.name).reserve(size);
    std::copy_n(
        static_cast<std::uint8_t const*>(input.data), size, static_cast<std::uint8_t*>(onHost));
    if (mPorts.at(input.name).isOnHost)
    {
        return onHost;
    }
    void* const onGpu = mOnGpu.at(input.name).reserve(size);
    if (size > 0)
    {
        mStream.upload(onGpu, onHost, size);
    }
    return onGpu;
}

Tensor Execution::fetch(char const* name)
{
    auto const found = mShapes.find(name);
    if (found == mShapes.end()
        || std::any_of(found->second.begin(), found->second.end(),
            [](std::int64_t length)
            {
                return length < 0;
            }))
    {
        raise(REFINEMASK_RUNTIME_FAILED, "TensorRT gives no shape of its output ", name);
    }
    Tensor output{name, mPorts.at(name).type, found->second, nullptr};
    std::size_t const size = byteSize(output);
    void* const onHost = mOnHost.at(name).reserve(size);
    if (size > 0)
    {
        mStream.download(onHost, mOnGpu.at(name).reserve(size), size);
    }
    output.data = onHost;
    return output;
}

void* Execution::reserve(char const* name, std::uint64_t size) noexcept
{
    try
    {
        return mOnGpu.at(name).reserve(size);
    }
    catch (Error const& error)
    {
        mFailure = error;
    }
    catch (std::exception const& error)
    {
        mFailure = Error(REFINEMASK_INTERNAL_ERROR, error.what());
    }
    return nullptr;
}

void Execution::notifyShape(char const* name, Dimensions const& shape) noexcept
{
    try
    {
        auto const count = std::min<std::size_t>(
            static_cast<std::size_t>(std::max(shape.count, 0)), Dimensions::kMost);
        mShapes[name] = Shape(
            shape.lengths.begin(), shape.lengths.begin() + static_cast<std::ptrdiff_t>(count));
    }
    catch (std::exception const& error)
    {
        mFailure = Error(REFINEMASK_OUT_OF_MEMORY, error.what());
    }
}

} // namespace refinemask::runtime
