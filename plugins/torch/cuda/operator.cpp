#include "torch/cuda/operator.h"

#include <dlfcn.h>
#include <stdexcept>

namespace refinemask
{

namespace
{

using CurrentStream = AOTITorchError (*)(std::int32_t, void**);

//! The function of PyTorch's CUDA library, which is not linked: without CUDA there is none.
CurrentStream currentStreamFunction()
{
    void* const library = dlopen("libtorch_cuda.so", RTLD_NOW | RTLD_NOLOAD);
    void* const found
        = library == nullptr ? nullptr : dlsym(library, "aoti_torch_get_current_cuda_stream");
    if (found == nullptr)
    {
        throw std::runtime_error("this PyTorch has no CUDA streams");
    }
    return reinterpret_cast<CurrentStream>(found);
}

} // namespace

ElementType elementType(Tensor const& tensor)
{
    switch (tensor.scalar_type())
    {
    case ScalarType::Half:
        return ElementType::kFLOAT16;
    case ScalarType::BFloat16:
        return ElementType::kBFLOAT16;
    default:
        return ElementType::kFLOAT32;
    }
}

cudaStream_t currentStream(Tensor const& tensor)
{
    static CurrentStream const function = currentStreamFunction();
    void* stream = nullptr;
    STABLE_TORCH_ERROR_CODE_CHECK(function(tensor.get_device_index(), &stream));
    return static_cast<cudaStream_t>(stream);
}

DeviceOf::DeviceOf(Tensor const& tensor)
    : mGuard(tensor.get_device_index())
{
}

} // namespace refinemask
