// The two symbols of the library: refinemask_torch_register, which adds the operators to PyTorch,
// and refinemask_torch_version, which says for which version of the package it was built.
//
// Nothing is registered when the library is loaded: PyTorch refuses operators that it has already,
// which would end the process there.
#include "torch/operator.h"
#ifdef REFINEMASK_WITH_CUDA
#include "torch/cuda/operator.h"
#endif

#include <memory>

#define REFINEMASK_EXPORT extern "C" __attribute__((visibility("default")))

namespace
{

constexpr char const* kNamespace = "refinemask_compiled";

//! What the operators are registered by; it must live as long as they.
std::vector<std::unique_ptr<refinemask::TorchLibrary>>& libraries()
{
    static std::vector<std::unique_ptr<refinemask::TorchLibrary>> all;
    return all;
}

refinemask::TorchLibrary& library(refinemask::TorchLibrary::Kind kind, char const* dispatchKey)
{
    libraries().push_back(std::make_unique<refinemask::TorchLibrary>(
        kind, kNamespace, dispatchKey, __FILE__, static_cast<std::uint32_t>(__LINE__)));
    return *libraries().back();
}

void registerAll()
{
    using Kind = refinemask::TorchLibrary::Kind;
    refinemask::TorchLibrary& schemas = library(Kind::FRAGMENT, nullptr);
    refinemask::TorchLibrary& cpu = library(Kind::IMPL, "CPU");
    refinemask::addMultiScaleRoIAlign(schemas, cpu);
    refinemask::addBatchedNMS(schemas, cpu);
    refinemask::addBoundaryRefine(schemas, cpu);
    refinemask::addPasteMasks(schemas, cpu);
    refinemask::addPlaces(schemas, cpu);
#ifdef REFINEMASK_WITH_CUDA
    refinemask::TorchLibrary& cuda = library(Kind::IMPL, "CUDA");
    refinemask::addCudaMultiScaleRoIAlign(cuda);
    refinemask::addCudaBatchedNMS(cuda);
    refinemask::addCudaBoundaryRefine(cuda);
    refinemask::addCudaPasteMasks(cuda);
    refinemask::addCudaPlaces(cuda);
#endif
}

} // namespace

//! Returns nullptr, or why the operators could not be added.
REFINEMASK_EXPORT char const* refinemask_torch_register() noexcept
{
    static std::string reason;
    try
    {
        registerAll();
        return nullptr;
    }
    catch (std::exception const& error)
    {
        reason = error.what();
        return reason.c_str();
    }
}

REFINEMASK_EXPORT char const* refinemask_torch_version() noexcept
{
    return REFINEMASK_VERSION;
}
