// Artifacts in OpenVINO on the CPU, by its C interface.
#include "runtime/backend.h"
#include "runtime/error.h"
#include "runtime/shared_library.h"

#include <mutex>
#include <openvino/c/openvino.h>
#include <set>

namespace refinemask::runtime
{
namespace
{

constexpr char const* kAdvice = "install OpenVINO " REFINEMASK_OPENVINO_VERSION
                                ", and name its library libopenvino_c.so in the engine's options "
                                "or in REFINEMASK_OPENVINO";

//! The functions of OpenVINO that are used here, and the one core of the process.
class Api
{
public:
    explicit Api(std::vector<std::string> const& paths)
        : mLibrary("OpenVINO", paths, kAdvice)
    {
        checkVersion();
        check(createCore(&core), "creating its core");
    }

    //! Throw an Error if something failed while `purpose`.
    void check(ov_status_e status, char const* purpose) const
    {
        if (status != OK)
        {
            char const* const details = lastError();
            std::string text = details == nullptr ? "" : details;
            text.erase(text.find_last_not_of(" \n\t") + 1);
            std::size_t const line = text.rfind('\n');
            raise(REFINEMASK_RUNTIME_FAILED, "OpenVINO failed at ", purpose, ": ",
                errorInfo(status), text.empty() ? "" : ": ",
                line == std::string::npos ? text : text.substr(line + 1));
        }
    }

    //! Load the library of our operators, once: a core keeps what it has been given.
    void addExtension(std::string const& path)
    {
        std::lock_guard const lock(mMutex);
        if (mExtensions.insert(path).second)
        {
            ov_status_e const status = addExtensionTo(core, path.c_str());
            if (status != OK)
            {
                mExtensions.erase(path);
                check(status, ("loading " + path).c_str());
            }
        }
    }

    std::string version;
    ov_core_t* core = nullptr; // never freed: OpenVINO's own threads may end after us

private:
    SharedLibrary mLibrary;
    std::mutex mMutex;
    std::set<std::string> mExtensions;

    template <typename Function>
    Function* find(Function*, char const* name) const
    {
        return mLibrary.function<Function>(name);
    }

public:
#define REFINEMASK_OPENVINO_FUNCTION(member, name)                                                 \
    decltype(&name) const member = find(static_cast<decltype(&name)>(nullptr), #name)

    REFINEMASK_OPENVINO_FUNCTION(getVersion, ov_get_openvino_version);
    REFINEMASK_OPENVINO_FUNCTION(freeVersion, ov_version_free);
    REFINEMASK_OPENVINO_FUNCTION(lastError, ov_get_last_err_msg);
    REFINEMASK_OPENVINO_FUNCTION(errorInfo, ov_get_error_info);
    REFINEMASK_OPENVINO_FUNCTION(createCore, ov_core_create);
    REFINEMASK_OPENVINO_FUNCTION(addExtensionTo, ov_core_add_extension);
    REFINEMASK_OPENVINO_FUNCTION(readModel, ov_core_read_model_from_memory_buffer);
    REFINEMASK_OPENVINO_FUNCTION(freeModel, ov_model_free);
    REFINEMASK_OPENVINO_FUNCTION(compileModel, ov_core_compile_model);
    REFINEMASK_OPENVINO_FUNCTION(freeCompiled, ov_compiled_model_free);
    REFINEMASK_OPENVINO_FUNCTION(createRequest, ov_compiled_model_create_infer_request);
    REFINEMASK_OPENVINO_FUNCTION(freeRequest, ov_infer_request_free);
    REFINEMASK_OPENVINO_FUNCTION(setTensor, ov_infer_request_set_tensor);
    REFINEMASK_OPENVINO_FUNCTION(getTensor, ov_infer_request_get_tensor);
    REFINEMASK_OPENVINO_FUNCTION(start, ov_infer_request_start_async);
    REFINEMASK_OPENVINO_FUNCTION(wait, ov_infer_request_wait);
    REFINEMASK_OPENVINO_FUNCTION(cancel, ov_infer_request_cancel);
    REFINEMASK_OPENVINO_FUNCTION(createTensor, ov_tensor_create_from_host_ptr);
    REFINEMASK_OPENVINO_FUNCTION(freeTensor, ov_tensor_free);
    REFINEMASK_OPENVINO_FUNCTION(tensorType, ov_tensor_get_element_type);
    REFINEMASK_OPENVINO_FUNCTION(tensorShape, ov_tensor_get_shape);
    REFINEMASK_OPENVINO_FUNCTION(tensorData, ov_tensor_data);
    REFINEMASK_OPENVINO_FUNCTION(createShape, ov_shape_create);
    REFINEMASK_OPENVINO_FUNCTION(freeShape, ov_shape_free);

#undef REFINEMASK_OPENVINO_FUNCTION

private:
    //! Numbers of element types differ between releases.
    void checkVersion()
    {
        ov_version_t found{};
        check(getVersion(&found), "saying its version");
        version = found.buildNumber;
        freeVersion(&found);
        std::string const expected = REFINEMASK_OPENVINO_VERSION;
        std::string const release = expected.substr(0, expected.rfind('.') + 1);
        if (version.rfind(release, 0) != 0)
        {
            raise(REFINEMASK_RUNTIME_MISSING, mLibrary.path(), " is OpenVINO ", version,
                ", and this library was built for ", expected, "; ", kAdvice);
        }
    }
};

ov_element_type_e toOpenVino(ElementType type)
{
    switch (type)
    {
    case ElementType::kUInt8:
        return U8;
    case ElementType::kInt64:
        return I64;
    case ElementType::kFloat32:
        return F32;
    case ElementType::kBool:
        break;
    }
    return BOOLEAN;
}

ElementType fromOpenVino(ov_element_type_e type)
{
    for (ElementType const known :
        {ElementType::kUInt8, ElementType::kInt64, ElementType::kFloat32, ElementType::kBool})
    {
        if (toOpenVino(known) == type)
        {
            return known;
        }
    }
    raise(REFINEMASK_INVALID_ARTIFACT, "an output has the element type ", static_cast<int>(type),
        " of OpenVINO, which no artifact has; export it again with refinemask-export");
}

class OpenVinoBackend : public Backend
{
public:
    OpenVinoBackend(Artifact const& artifact, BackendOptions const& options)
        : mApi(sharedApi<Api>(
              libraryPaths(options.runtimeLibrary, "REFINEMASK_OPENVINO", {"libopenvino_c.so"})))
        , mCompiled(nullptr, mApi->freeCompiled)
    {
        if (options.device != "cpu")
        {
            raise(REFINEMASK_INVALID_ARGUMENT, "OpenVINO runs on the device cpu only, got ",
                options.device);
        }
        if (artifact.metadata.form == "fused")
        {
            mApi->addExtension(!options.operatorLibrary.empty()
                    ? options.operatorLibrary
                    : siblingLibrary("librefinemask_openvino.so"));
        }
        ov_model_t* read = nullptr;
        mApi->check(
            mApi->readModel(mApi->core, reinterpret_cast<char const*>(artifact.content.data()),
                artifact.content.size(), nullptr, &read),
            "reading the graph");
        Handle<ov_model_t> const model(read, mApi->freeModel);
        mCompiled.reset(compile(*model, options.threads));
    }

    Outputs run(std::vector<Tensor> const& inputs, std::vector<char const*> const& outputNames,
        StopSignal const& stop) override
    {
        std::shared_ptr<ov_infer_request_t> request = takeRequest();
        for (Tensor const& input : inputs)
        {
            feed(*request, input);
        }
        ov_status_e status{};
        {
            StopSignal::Guard const guard(stop,
                [&]
                {
                    mApi->cancel(request.get());
                });
            mApi->check(mApi->start(request.get()), "starting");
            status = mApi->wait(request.get());
        }
        if (status != OK)
        {
            stop.check(); // throws what was the cause
            mApi->check(status, "running");
        }
        Outputs outputs;
        for (char const* name : outputNames)
        {
            outputs.tensors.push_back(fetch(*request, name));
        }
        outputs.owner = std::move(request);
        return outputs;
    }

    std::string description() const override
    {
        return "OpenVINO " + mApi->version;
    }

private:
    ov_compiled_model_t* compile(ov_model_t const& model, int threads) const
    {
        ov_compiled_model_t* compiled = nullptr;
        // As in refinemask/engines/openvino.py: float32 also where bfloat16 would be faster, and
        // memory that does not grow with each new size of images.
        if (threads > 0)
        {
            mApi->check(
                mApi->compileModel(mApi->core, &model, "CPU", 8, &compiled, "PERFORMANCE_HINT",
                    "LATENCY", "INFERENCE_PRECISION_HINT", "f32", "CPU_RUNTIME_CACHE_CAPACITY",
                    "100", "INFERENCE_NUM_THREADS", std::to_string(threads).c_str()),
                "compiling the graph");
        }
        else
        {
            mApi->check(mApi->compileModel(mApi->core, &model, "CPU", 6, &compiled,
                            "PERFORMANCE_HINT", "LATENCY", "INFERENCE_PRECISION_HINT", "f32",
                            "CPU_RUNTIME_CACHE_CAPACITY", "100"),
                "compiling the graph");
        }
        return compiled;
    }

    //! Return a request that nobody uses; it comes back when the last reference ends.
    std::shared_ptr<ov_infer_request_t> takeRequest()
    {
        Handle<ov_infer_request_t> request(nullptr, mApi->freeRequest);
        {
            std::lock_guard const lock(mMutex);
            if (!mIdle.empty())
            {
                request = std::move(mIdle.back());
                mIdle.pop_back();
            }
        }
        if (request == nullptr)
        {
            ov_infer_request_t* created = nullptr;
            mApi->check(mApi->createRequest(mCompiled.get(), &created), "creating a request");
            request.reset(created);
        }
        return {request.release(), [this](ov_infer_request_t* used)
            {
                giveBack(used);
            }};
    }

    void giveBack(ov_infer_request_t* used)
    {
        Handle<ov_infer_request_t> request(used, mApi->freeRequest);
        std::lock_guard const lock(mMutex);
        mIdle.push_back(std::move(request));
    }

    void feed(ov_infer_request_t& request, Tensor const& input) const
    {
        ov_shape_t shape{};
        mApi->check(mApi->createShape(
                        static_cast<std::int64_t>(input.shape.size()), input.shape.data(), &shape),
            "a shape");
        ov_tensor_t* made = nullptr;
        ov_status_e const status = mApi->createTensor(
            toOpenVino(input.type), shape, const_cast<void*>(input.data), &made);
        mApi->freeShape(&shape);
        mApi->check(status, "an input");
        Handle<ov_tensor_t> const tensor(made, mApi->freeTensor);
        mApi->check(mApi->setTensor(&request, input.name, tensor.get()), input.name);
    }

    Tensor fetch(ov_infer_request_t const& request, char const* name) const
    {
        ov_tensor_t* found = nullptr;
        mApi->check(mApi->getTensor(&request, name, &found), name);
        Handle<ov_tensor_t> const tensor(found, mApi->freeTensor);
        ov_element_type_e type{};
        mApi->check(mApi->tensorType(tensor.get(), &type), name);
        ov_shape_t shape{};
        mApi->check(mApi->tensorShape(tensor.get(), &shape), name);
        Tensor output{
            name, ElementType::kBool, Shape(shape.dims, shape.dims + shape.rank), nullptr};
        mApi->freeShape(&shape);
        output.type = fromOpenVino(type);
        void* data = nullptr;
        if (elementCount(output.shape) > 0)
        {
            mApi->check(mApi->tensorData(tensor.get(), &data), name);
        }
        output.data = data;
        return output;
    }

    std::shared_ptr<Api> mApi;
    Handle<ov_compiled_model_t> mCompiled;
    std::mutex mMutex;
    std::vector<Handle<ov_infer_request_t>> mIdle;
};

} // namespace

std::unique_ptr<Backend> openOpenVino(Artifact const& artifact, BackendOptions const& options)
{
    return std::make_unique<OpenVinoBackend>(artifact, options);
}

} // namespace refinemask::runtime
