// ONNX Runtime with a CUDA provider, on a machine without a GPU: the ONNX Runtime that
// REAL_ONNXRUNTIME names, in which the CPU runs what a GPU would. A tensor that is said to be in
// memory of the GPU must be there, in the simulated GPU of tests/simulated/, and the others must
// not.
#include "tests/simulated/simulated.h"

#include <cstdlib>
#include <cstring>
#include <dlfcn.h>
#include <onnxruntime_c_api.h>

namespace
{

OrtApi const* gReal = nullptr;

OrtApiBase const& realBase()
{
    static void* const library = ::dlopen(std::getenv("REAL_ONNXRUNTIME"), RTLD_NOW | RTLD_LOCAL);
    return *reinterpret_cast<OrtApiBase const* (*)()>(::dlsym(library, "OrtGetApiBase"))();
}

OrtStatus* ORT_API_CALL createOptions(OrtCUDAProviderOptionsV2** options) noexcept
{
    *options = reinterpret_cast<OrtCUDAProviderOptionsV2*>(new char);
    return nullptr;
}

void ORT_API_CALL releaseOptions(OrtCUDAProviderOptionsV2* options) noexcept
{
    delete reinterpret_cast<char*>(options);
}

OrtStatus* ORT_API_CALL updateOptions(OrtCUDAProviderOptionsV2*, char const* const* keys,
    char const* const* values, size_t count) noexcept
{
    bool const isExpected = count == 2 && std::strcmp(keys[0], "device_id") == 0
        && std::strcmp(values[0], "0") == 0 && std::strcmp(keys[1], "use_tf32") == 0;
    return isExpected ? nullptr : gReal->CreateStatus(ORT_INVALID_ARGUMENT, "other options");
}

OrtStatus* ORT_API_CALL appendProvider(OrtSessionOptions*, OrtCUDAProviderOptionsV2 const*) noexcept
{
    return nullptr;
}

OrtStatus* ORT_API_CALL createTensor(OrtMemoryInfo const* info, void* data, size_t bytes,
    int64_t const* shape, size_t rank, ONNXTensorElementDataType type, OrtValue** value) noexcept
{
    char const* name = nullptr;
    int number = -1;
    OrtMemoryInfo* host = nullptr;
    static_cast<void>(gReal->MemoryInfoGetName(info, &name));
    static_cast<void>(gReal->MemoryInfoGetId(info, &number));
    static_cast<void>(gReal->CreateCpuMemoryInfo(OrtArenaAllocator, OrtMemTypeDefault, &host));
    if (std::strcmp(name, "Cuda") == 0)
    {
        data = number == 0 ? simulated::onHost(data, bytes) : nullptr;
    }
    else if (simulated::onHost(data, 0) != nullptr)
    {
        data = nullptr;
    }
    OrtStatus* const status = data == nullptr
        ? gReal->CreateStatus(ORT_INVALID_ARGUMENT, "a tensor is not in the memory that it names")
        : gReal->CreateTensorWithDataAsOrtValue(host, data, bytes, shape, rank, type, value);
    gReal->ReleaseMemoryInfo(host);
    return status;
}

OrtApi const* ORT_API_CALL getApi(uint32_t version) noexcept
{
    static OrtApi api;
    gReal = realBase().GetApi(version);
    if (gReal == nullptr)
    {
        return nullptr;
    }
    api = *gReal;
    api.CreateCUDAProviderOptions = createOptions;
    api.ReleaseCUDAProviderOptions = releaseOptions;
    api.UpdateCUDAProviderOptions = updateOptions;
    api.SessionOptionsAppendExecutionProvider_CUDA_V2 = appendProvider;
    api.CreateTensorWithDataAsOrtValue = createTensor;
    return &api;
}

char const* ORT_API_CALL versionString() noexcept
{
    return realBase().GetVersionString();
}

} // namespace

extern "C" OrtApiBase const* OrtGetApiBase() noexcept
{
    static OrtApiBase const base{getApi, versionString};
    return &base;
}
