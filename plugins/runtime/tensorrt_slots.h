// Where the virtual functions of TensorRT that are used here stand in its tables.
//
// TensorRT and TensorRT-RTX hand out C++ objects, whose layout differs between the two and between
// releases: what was deprecated is gone from the tables of TensorRT 11 and TensorRT-RTX. So a table
// is chosen when a library has said its version, and a release that is not in the list is refused.
//
// The numbers were read off NVIDIA's own callers: tests/tensorrt/slots.py gives the Python bindings
// of a release objects that record which entry is called. Those of TensorRT 10.13 to 10.16, 11.0 to
// 11.4 and TensorRT-RTX 1.6 and 1.7 have been recorded; tests/tensorrt/test_slots.py does it again
// with the bindings that are installed.
#pragma once

namespace refinemask::runtime
{

// X(function, TensorRT 10, TensorRT 11, TensorRT-RTX); -1 where there is none.
#define REFINEMASK_TENSORRT_SLOTS(X)                                                               \
    X(runtimeDeserialize, 3, 3, 3)                                                                 \
    X(engineCreateContext, 5, 5, 5)                                                                \
    X(engineTensorType, 20, 16, 16)                                                                \
    X(engineTensorLocation, 21, 17, 17)                                                            \
    X(engineTensorMode, 23, 19, 19)                                                                \
    X(engineTensorCount, 30, 26, 26)                                                               \
    X(engineTensorName, 31, 27, 27)                                                                \
    X(engineCreateConfiguredContext, 55, 47, 47)                                                   \
    X(engineCreateConfig, 56, 48, 48)                                                              \
    X(contextSetInputShape, 21, 20, 20)                                                            \
    X(contextSetAddress, 24, 23, 23)                                                               \
    X(contextSetAllocator, 32, 31, 31)                                                             \
    X(contextEnqueue, 37, 36, 36)                                                                  \
    X(configCreateCache, -1, -1, 5)                                                                \
    X(configSetCache, -1, -1, 6)                                                                   \
    X(cacheSerialize, -1, -1, 2)                                                                   \
    X(cacheDeserialize, -1, -1, 3)                                                                 \
    X(memoryData, 2, 2, 2)                                                                         \
    X(memorySize, 3, 3, 3)                                                                         \
    X(registryLoad, 10, 6, 6)                                                                      \
    X(registryFind, 14, 10, 10)                                                                    \
    X(loggerLog, 0, 4, 4)                                                                          \
    X(allocatorReallocate, 5, 5, 4)                                                                \
    X(allocatorNotifyShape, 6, 6, 5)

struct Slots
{
#define REFINEMASK_SLOT(name, ten, eleven, rtx) int name;
    REFINEMASK_TENSORRT_SLOTS(REFINEMASK_SLOT)
#undef REFINEMASK_SLOT
};

constexpr Slots kTensorRt10{
#define REFINEMASK_SLOT(name, ten, eleven, rtx) ten,
    REFINEMASK_TENSORRT_SLOTS(REFINEMASK_SLOT)
#undef REFINEMASK_SLOT
};

constexpr Slots kTensorRt11{
#define REFINEMASK_SLOT(name, ten, eleven, rtx) eleven,
    REFINEMASK_TENSORRT_SLOTS(REFINEMASK_SLOT)
#undef REFINEMASK_SLOT
};

constexpr Slots kTensorRtRtx{
#define REFINEMASK_SLOT(name, ten, eleven, rtx) rtx,
    REFINEMASK_TENSORRT_SLOTS(REFINEMASK_SLOT)
#undef REFINEMASK_SLOT
};

//! Call an entry of an object's table.
template <typename Result, typename... Arguments>
Result callSlot(void* object, int slot, Arguments... arguments)
{
    auto* const table = *static_cast<void***>(object);
    return reinterpret_cast<Result (*)(void*, Arguments...)>(table[slot])(object, arguments...);
}

} // namespace refinemask::runtime
