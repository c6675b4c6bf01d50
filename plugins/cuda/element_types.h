// CUDA only: from the type of elements as a value to the type itself.
#pragma once

#include "cuda/launch.h"
#include "kernels/host_device.h"

namespace refinemask
{

template <typename T>
struct TypeTag
{
    using Type = T;
};

//! Call `function` with the tag of the type.
template <typename Function>
auto withElementType(ElementType type, Function const& function)
{
    switch (type)
    {
    case ElementType::kFLOAT16:
        return function(TypeTag<__half>{});
    case ElementType::kBFLOAT16:
        return function(TypeTag<__nv_bfloat16>{});
    case ElementType::kFLOAT32:
        break;
    }
    return function(TypeTag<float>{});
}

} // namespace refinemask
