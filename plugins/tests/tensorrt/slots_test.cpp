// The tables of TensorRT 10, against NVIDIA's header of TensorRT 10.14.
#include "runtime/tensorrt_slots.h"
#include "tests/check.h"

#include <NvInferRuntime.h>
#include <cstddef>
#include <cstring>

namespace
{

using namespace nvinfer1;
using refinemask::runtime::kTensorRt10;

//! Return which entry of a table a virtual function is: the Itanium ABI's pointer to it is one more
//! than its place in bytes.
template <typename Method>
int slotOf(Method method)
{
    std::ptrdiff_t place = 0;
    static_assert(sizeof(method) >= sizeof(place));
    std::memcpy(&place, &method, sizeof(place));
    return static_cast<int>((place - 1) / static_cast<std::ptrdiff_t>(sizeof(void*)));
}

//! Name a function together with what is passed to it here.
template <typename Class, typename Result, typename... Arguments>
using Method = Result (Class::*)(Arguments...) noexcept;

template <typename Class, typename Result, typename... Arguments>
using ConstMethod = Result (Class::*)(Arguments...) const noexcept;

using Name = char const*;

void checkSlot(int found, int expected)
{
    CHECK_EQUAL(found, expected);
}

TEST(tablesAreThoseOfTheHeader)
{
    using apiv::VCudaEngine;
    using apiv::VExecutionContext;
    using apiv::VHostMemory;
    using apiv::VRuntime;
    checkSlot(slotOf<Method<VRuntime, ICudaEngine*, void const*, std::size_t>>(
                  &VRuntime::deserializeCudaEngine),
        kTensorRt10.runtimeDeserialize);
    checkSlot(slotOf<Method<VCudaEngine, IExecutionContext*, ExecutionContextAllocationStrategy>>(
                  &VCudaEngine::createExecutionContext),
        kTensorRt10.engineCreateContext);
    checkSlot(slotOf<ConstMethod<VCudaEngine, DataType, Name>>(&VCudaEngine::getTensorDataType),
        kTensorRt10.engineTensorType);
    checkSlot(
        slotOf<ConstMethod<VCudaEngine, TensorLocation, Name>>(&VCudaEngine::getTensorLocation),
        kTensorRt10.engineTensorLocation);
    checkSlot(slotOf<ConstMethod<VCudaEngine, TensorIOMode, Name>>(&VCudaEngine::getTensorIOMode),
        kTensorRt10.engineTensorMode);
    checkSlot(slotOf<ConstMethod<VCudaEngine, std::int32_t>>(&VCudaEngine::getNbIOTensors),
        kTensorRt10.engineTensorCount);
    checkSlot(slotOf<ConstMethod<VCudaEngine, Name, std::int32_t>>(&VCudaEngine::getIOTensorName),
        kTensorRt10.engineTensorName);
    checkSlot(slotOf<Method<VCudaEngine, IExecutionContext*, IRuntimeConfig*>>(
                  &VCudaEngine::createExecutionContextWithRuntimeConfig),
        kTensorRt10.engineCreateConfiguredContext);
    checkSlot(slotOf<Method<VCudaEngine, IRuntimeConfig*>>(&VCudaEngine::createRuntimeConfig),
        kTensorRt10.engineCreateConfig);
    checkSlot(slotOf<Method<VExecutionContext, bool, Name, Dims const&>>(
                  &VExecutionContext::setInputShape),
        kTensorRt10.contextSetInputShape);
    checkSlot(
        slotOf<Method<VExecutionContext, bool, Name, void*>>(&VExecutionContext::setTensorAddress),
        kTensorRt10.contextSetAddress);
    checkSlot(slotOf<Method<VExecutionContext, bool, Name, IOutputAllocator*>>(
                  &VExecutionContext::setOutputAllocator),
        kTensorRt10.contextSetAllocator);
    checkSlot(slotOf<Method<VExecutionContext, bool, cudaStream_t>>(&VExecutionContext::enqueueV3),
        kTensorRt10.contextEnqueue);
    checkSlot(slotOf<ConstMethod<VHostMemory, void*>>(&VHostMemory::data), kTensorRt10.memoryData);
    checkSlot(
        slotOf<ConstMethod<VHostMemory, std::size_t>>(&VHostMemory::size), kTensorRt10.memorySize);
    checkSlot(slotOf<Method<IPluginRegistry, IPluginRegistry::PluginLibraryHandle, Name>>(
                  &IPluginRegistry::loadLibrary),
        kTensorRt10.registryLoad);
    checkSlot(slotOf<Method<IPluginRegistry, IPluginCreatorInterface*, Name, Name, Name>>(
                  &IPluginRegistry::getCreator),
        kTensorRt10.registryFind);
    checkSlot(slotOf<Method<ILogger, void, ILogger::Severity, Name>>(&ILogger::log),
        kTensorRt10.loggerLog);
    using Reallocate
        = void* (IOutputAllocator::*)(Name, void*, std::uint64_t, std::uint64_t, cudaStream_t);
    checkSlot(slotOf<Reallocate>(&IOutputAllocator::reallocateOutputAsync),
        kTensorRt10.allocatorReallocate);
    checkSlot(
        slotOf<Method<IOutputAllocator, void, Name, Dims const&>>(&IOutputAllocator::notifyShape),
        kTensorRt10.allocatorNotifyShape);
}

TEST(whatIsPassedIsLaidOutAsInTheHeader)
{
    static_assert(sizeof(Dims) == 72 && offsetof(Dims, d) == 8); // Dimensions
    static_assert(sizeof(InterfaceInfo) == 16);
    static_assert(static_cast<int>(DataType::kFLOAT) == 0 && static_cast<int>(DataType::kBOOL) == 4
        && static_cast<int>(DataType::kUINT8) == 5 && static_cast<int>(DataType::kINT64) == 8);
    static_assert(static_cast<int>(TensorIOMode::kINPUT) == 1);
    static_assert(static_cast<int>(TensorLocation::kHOST) == 1);
    static_assert(static_cast<int>(ExecutionContextAllocationStrategy::kSTATIC) == 0);
    static_assert(static_cast<int>(ILogger::Severity::kWARNING) == 2);
    CHECK_EQUAL(sizeof(IRuntime), 2 * sizeof(void*)); // the implementation is behind the table
    CHECK_EQUAL(sizeof(ICudaEngine), 2 * sizeof(void*));
    CHECK_EQUAL(sizeof(IExecutionContext), 2 * sizeof(void*));
    CHECK_EQUAL(sizeof(IHostMemory), 2 * sizeof(void*));
}

} // namespace
