// Artifacts in ONNX Runtime, by its C interface.
#include "runtime/backend.h"
#include "runtime/device.h"
#include "runtime/error.h"
#include "runtime/log.h"
#include "runtime/shared_library.h"

#include <onnxruntime_c_api.h>
#include <utility>

namespace refinemask::runtime
{
namespace
{

// The oldest whose functions are all that is used here.
constexpr std::uint32_t kApiVersion = 14;
constexpr char const* kAdvice = "install ONNX Runtime 1.14 or newer, and name its library in the "
                                "engine's options or in REFINEMASK_ONNXRUNTIME";

//! Give a message of ONNX Runtime to the program.
void ORT_API_CALL passOn(void* /*unused*/, OrtLoggingLevel severity, char const* /*category*/,
    char const* /*session*/, char const* /*place*/, char const* message)
{
    writeLog(severity >= ORT_LOGGING_LEVEL_ERROR    ? REFINEMASK_LOG_ERROR
            : severity == ORT_LOGGING_LEVEL_WARNING ? REFINEMASK_LOG_WARNING
                                                    : REFINEMASK_LOG_INFO,
        message);
}

//! The library, its functions, and the one environment of the process.
struct Api
{
    SharedLibrary library;
    OrtApi const* functions;
    std::string version;
    OrtEnv* environment; // never released: the runtime's own threads may end after us

    explicit Api(std::vector<std::string> const& paths)
        : library("ONNX Runtime", paths, kAdvice)
    {
        OrtApiBase const* base = library.function<OrtApiBase const*()>("OrtGetApiBase")();
        version = base->GetVersionString();
        functions = base->GetApi(kApiVersion);
        if (functions == nullptr)
        {
            raise(REFINEMASK_RUNTIME_MISSING, library.path(), " is ONNX Runtime ", version,
                ", which is too old; ", kAdvice);
        }
        check(functions->CreateEnvWithCustomLogger(
            passOn, nullptr, ORT_LOGGING_LEVEL_WARNING, "refinemask", &environment));
    }

    //! Throw an Error if something failed; free its status.
    void check(OrtStatus* status) const
    {
        if (status != nullptr)
        {
            std::string const message = functions->GetErrorMessage(status);
            functions->ReleaseStatus(status);
            raise(REFINEMASK_RUNTIME_FAILED, "ONNX Runtime: ", message);
        }
    }

    //! Return what `create` makes.
    template <typename Object, typename Create>
    Handle<Object> make(void (*release)(Object*), Create const& create) const
    {
        Object* made = nullptr;
        check(create(&made));
        return {made, release};
    }
};

ONNXTensorElementDataType toOrt(ElementType type)
{
    switch (type)
    {
    case ElementType::kUInt8:
        return ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT8;
    case ElementType::kInt64:
        return ONNX_TENSOR_ELEMENT_DATA_TYPE_INT64;
    case ElementType::kFloat32:
        return ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT;
    case ElementType::kBool:
        break;
    }
    return ONNX_TENSOR_ELEMENT_DATA_TYPE_BOOL;
}

ElementType fromOrt(ONNXTensorElementDataType type)
{
    for (ElementType const known :
        {ElementType::kUInt8, ElementType::kInt64, ElementType::kFloat32, ElementType::kBool})
    {
        if (toOrt(known) == type)
        {
            return known;
        }
    }
    raise(REFINEMASK_INVALID_ARTIFACT, "an output has the element type ", type,
        " of ONNX, which no artifact has; export it again with refinemask-export");
}

class OnnxRuntimeBackend : public Backend
{
public:
    OnnxRuntimeBackend(Artifact const& artifact, BackendOptions const& options)
        : mApi(sharedApi<Api>(libraryPaths(options.runtimeLibrary, "REFINEMASK_ONNXRUNTIME",
              {"libonnxruntime.so.1", "libonnxruntime.so"})))
        , mOrt(*mApi->functions)
        , mMemory(mApi->make(mOrt.ReleaseMemoryInfo,
              [this](OrtMemoryInfo** made)
              {
                  return mOrt.CreateCpuMemoryInfo(OrtArenaAllocator, OrtMemTypeDefault, made);
              }))
        , mGpu(cudaIndex(options.device))
        , mSession(nullptr, mOrt.ReleaseSession)
    {
        auto const settings = mApi->make(mOrt.ReleaseSessionOptions, mOrt.CreateSessionOptions);
        check(mOrt.SetSessionLogSeverityLevel(settings.get(), ORT_LOGGING_LEVEL_WARNING));
        check(mOrt.AddSessionConfigEntry(settings.get(), "session.load_model_format", "ONNX"));
        // A plan for given sizes of inputs is of no use: those of tensors depend on the image.
        check(mOrt.DisableMemPattern(settings.get()));
        if (options.threads > 0)
        {
            check(mOrt.SetIntraOpNumThreads(settings.get(), options.threads));
        }
        if (mGpu)
        {
            useCuda(*settings);
        }
        else if (options.device != "cpu")
        {
            raise(REFINEMASK_INVALID_ARGUMENT, "unknown device ", options.device,
                "; choose cpu, cuda or cuda:N");
        }
        if (artifact.metadata.form == "fused")
        {
            std::string const library = !options.operatorLibrary.empty()
                ? options.operatorLibrary
                : siblingLibrary(mGpu ? "librefinemask_ort_cuda.so" : "librefinemask_ort.so");
            check(mOrt.RegisterCustomOpsLibrary_V2(settings.get(), library.c_str()));
        }
        OrtSession* session = nullptr;
        check(mOrt.CreateSessionFromArray(mApi->environment, artifact.content.data(),
            artifact.content.size(), settings.get(), &session));
        mSession.reset(session);
    }

    Outputs run(std::vector<Tensor> const& inputs, std::vector<char const*> const& outputNames,
        StopSignal const& stop) override
    {
        std::vector<Handle<OrtValue>> values;
        std::vector<char const*> names;
        std::vector<OrtValue const*> given;
        for (Tensor const& input : inputs)
        {
            values.push_back(borrow(input));
            names.push_back(input.name);
            given.push_back(values.back().get());
        }
        auto const settings = mApi->make(mOrt.ReleaseRunOptions, mOrt.CreateRunOptions);
        std::vector<OrtValue*> found(outputNames.size(), nullptr);
        OrtStatus* status = nullptr;
        {
            StopSignal::Guard const guard(stop,
                [&]
                {
                    mOrt.ReleaseStatus(mOrt.RunOptionsSetTerminate(settings.get()));
                });
            status = mOrt.Run(mSession.get(), settings.get(), names.data(), given.data(),
                given.size(), outputNames.data(), outputNames.size(), found.data());
        }
        auto owner = std::make_shared<std::vector<Handle<OrtValue>>>();
        for (OrtValue* const value : found)
        {
            owner->emplace_back(value, mOrt.ReleaseValue);
        }
        try
        {
            check(status);
        }
        catch (Error const&)
        {
            stop.check(); // throws what was the cause
            throw;
        }
        Outputs outputs;
        for (std::size_t i = 0; i < found.size(); ++i)
        {
            outputs.tensors.push_back(toTensor(outputNames[i], found[i]));
        }
        outputs.owner = std::move(owner);
        return outputs;
    }

    std::optional<int> gpu() const override
    {
        return mGpu;
    }

    std::string description() const override
    {
        return "ONNX Runtime " + mApi->version;
    }

private:
    void check(OrtStatus* status) const
    {
        mApi->check(status);
    }

    void useCuda(OrtSessionOptions& settings)
    {
        mGpuMemory = mApi->make(mOrt.ReleaseMemoryInfo,
            [this](OrtMemoryInfo** made)
            {
                return mOrt.CreateMemoryInfo(
                    "Cuda", OrtDeviceAllocator, *mGpu, OrtMemTypeDefault, made);
            });
        auto const cuda
            = mApi->make(mOrt.ReleaseCUDAProviderOptions, mOrt.CreateCUDAProviderOptions);
        // Parity is that of float32; the provider's default rounds products to TF32.
        char const* const keys[] = {"device_id", "use_tf32"};
        std::string const index = std::to_string(*mGpu);
        char const* const values[] = {index.c_str(), "0"};
        check(mOrt.UpdateCUDAProviderOptions(cuda.get(), keys, values, 2));
        check(mOrt.SessionOptionsAppendExecutionProvider_CUDA_V2(&settings, cuda.get()));
    }

    Handle<OrtValue> borrow(Tensor const& tensor) const
    {
        return mApi->make(mOrt.ReleaseValue,
            [&](OrtValue** made)
            {
                return mOrt.CreateTensorWithDataAsOrtValue(
                    (tensor.isOnGpu ? mGpuMemory : mMemory).get(), const_cast<void*>(tensor.data),
                    byteSize(tensor), tensor.shape.data(), tensor.shape.size(), toOrt(tensor.type),
                    made);
            });
    }

    Tensor toTensor(char const* name, OrtValue* value) const
    {
        auto const info = mApi->make(mOrt.ReleaseTensorTypeAndShapeInfo,
            [&](OrtTensorTypeAndShapeInfo** made)
            {
                return mOrt.GetTensorTypeAndShape(value, made);
            });
        ONNXTensorElementDataType type{};
        check(mOrt.GetTensorElementType(info.get(), &type));
        std::size_t dimensions = 0;
        check(mOrt.GetDimensionsCount(info.get(), &dimensions));
        Tensor tensor{name, fromOrt(type), Shape(dimensions), nullptr};
        check(mOrt.GetDimensions(info.get(), tensor.shape.data(), dimensions));
        void* data = nullptr;
        check(mOrt.GetTensorMutableData(value, &data));
        tensor.data = data;
        return tensor;
    }

    std::shared_ptr<Api> mApi;
    OrtApi const& mOrt;
    Handle<OrtMemoryInfo> mMemory;
    std::optional<int> mGpu; // its number
    Handle<OrtMemoryInfo> mGpuMemory{nullptr, mOrt.ReleaseMemoryInfo};
    Handle<OrtSession> mSession;
};

} // namespace

std::unique_ptr<Backend> openOnnxRuntime(Artifact const& artifact, BackendOptions const& options)
{
    return std::make_unique<OnnxRuntimeBackend>(artifact, options);
}

} // namespace refinemask::runtime
