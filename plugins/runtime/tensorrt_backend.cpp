// Engines in TensorRT and TensorRT-RTX.
#include "runtime/cuda_driver.h"
#include "runtime/device.h"
#include "runtime/engine_record.h"
#include "runtime/error.h"
#include "runtime/kernel_cache.h"
#include "runtime/outputs.h"
#include "runtime/tensorrt_callbacks.h"
#include "runtime/tensorrt_execution.h"
#include "runtime/tensorrt_interface.h"

#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <utility>

namespace refinemask::runtime
{
namespace
{

// Numbers of nvinfer1's enumerations.
constexpr std::int32_t kInput = 1;            // TensorIOMode
constexpr std::int32_t kOnHost = 1;           // TensorLocation
constexpr std::int32_t kStaticAllocation = 0; // ExecutionContextAllocationStrategy

ElementType fromTensorRt(std::int32_t type)
{
    switch (type)
    {
    case 0:
        return ElementType::kFloat32;
    case 4:
        return ElementType::kBool;
    case 5:
        return ElementType::kUInt8;
    case 8:
        return ElementType::kInt64;
    default:
        raise(REFINEMASK_INVALID_ARTIFACT, "a tensor has the type ", type,
            " of TensorRT, which no engine of refinemask build has");
    }
}

//! "cpu" is the default of the options, and there is no engine on it.
int deviceIndex(std::string const& device)
{
    std::optional<int> const index = device == "cpu" ? 0 : cudaIndex(device);
    if (!index)
    {
        raise(REFINEMASK_INVALID_ARGUMENT, "unknown device ", device, "; choose cuda or cuda:N");
    }
    return *index;
}

class TensorRtBackend : public Backend
{
public:
    TensorRtBackend(EngineRecord record, std::shared_ptr<TensorRtLibrary> library, int index)
        : mRecord(std::move(record))
        , mLibrary(std::move(library))
        , mGpu(index)
    {
        checkGpu(mRecord, mGpu.capability());
        Gpu::Scope const scope(mGpu);
        mLoaded.emplace(load());
        mRecord.engine.content = Bytes(); // TensorRT has its own
        try
        {
            give(takeIdle());
        }
        catch (...)
        {
            mLoaded.reset(); // while the GPU is the current one
            throw;
        }
    }

    ~TensorRtBackend() override
    {
        try
        {
            Gpu::Scope const scope(mGpu);
            if (mLoaded->kernels)
            {
                mLoaded->kernels->save();
            }
            mIdle.clear();
            mLoaded.reset();
        }
        catch (Error const&) // the GPU is gone, and with it what was on it
        {
        }
    }

    TensorRtBackend(TensorRtBackend const&) = delete;
    TensorRtBackend& operator=(TensorRtBackend const&) = delete;

    Outputs run(std::vector<Tensor> const& inputs, std::vector<char const*> const& outputNames,
        StopSignal const& stop) override
    {
        checkProfile(mRecord, inputs);
        Gpu::Scope const scope(mGpu);
        try
        {
            std::unique_ptr<Execution> execution = takeIdle(); // which is dropped if it fails
            Outputs outputs;
            outputs.tensors = execution->run(inputs, outputNames, stop);
            outputs.owner = std::shared_ptr<Execution>(execution.release(),
                [this](Execution* used)
                {
                    give(std::unique_ptr<Execution>(used));
                });
            return outputs;
        }
        catch (Error const& error)
        {
            stop.check(); // throws what was the cause
            raise(error.status(), mRecord.engine.path, " cannot be run: ", error.what());
        }
    }

    std::optional<int> gpu() const override
    {
        return mGpu.index();
    }

    std::int64_t largestBatch() const override
    {
        auto const found = mRecord.shapes.find("images");
        return found == mRecord.shapes.end() ? Backend::largestBatch()
                                             : found->second.maximum.at(0);
    }

    std::string description() const override
    {
        return concatenate(findFlavour(mRecord.runtime)->title, " ", mLibrary->version());
    }

private:
    //! An engine that TensorRT has loaded.
    struct Loaded
    {
        TensorRtObject runtime;
        TensorRtObject engine;
        Ports ports;
        std::optional<TensorRtObject> config;
        std::optional<KernelCache> kernels;
    };

    Loaded load() const
    {
        Slots const& slots = mLibrary->slots();
        Flavour const& flavour = *findFlavour(mRecord.runtime);
        takeTensorRtError();
        TensorRtObject runtime = mLibrary->createRuntime();
        TensorRtObject engine(runtime.call<void*>(slots.runtimeDeserialize,
            static_cast<void const*>(mRecord.engine.content.data()),
            mRecord.engine.content.size()));
        if (!engine)
        {
            raise(REFINEMASK_RUNTIME_FAILED, flavour.title, " does not load it",
                takeTensorRtError(), "; build it again with: ", mRecord.command);
        }
        Loaded loaded{std::move(runtime), std::move(engine), {}, std::nullopt, std::nullopt};
        loaded.ports = readPorts(loaded.engine);
        if (flavour.compilesAtFirstRun)
        {
            loaded.config.emplace(loaded.engine.call<void*>(slots.engineCreateConfig));
            requireMade(*loaded.config, "configuration");
            TensorRtObject cache(loaded.config->call<void*>(slots.configCreateCache));
            requireMade(cache, "cache of kernels");
            loaded.kernels.emplace(std::move(cache), slots, kernelsPath(mRecord, mGpu));
            if (!loaded.config->call<bool>(slots.configSetCache, loaded.kernels->get()))
            {
                raise(REFINEMASK_RUNTIME_FAILED, flavour.title, " takes no cache of kernels",
                    takeTensorRtError());
            }
        }
        return loaded;
    }

    static void requireMade(TensorRtObject const& object, char const* what)
    {
        if (!object)
        {
            raise(REFINEMASK_RUNTIME_FAILED, "TensorRT-RTX gives no ", what, takeTensorRtError());
        }
    }

    //! Throws an Error unless they are those of the engine's form.
    Ports readPorts(TensorRtObject const& engine) const
    {
        Slots const& slots = mLibrary->slots();
        Metadata const& metadata = mRecord.engine.metadata;
        Ports ports;
        std::set<std::string> names;
        auto const count = engine.call<std::int32_t>(slots.engineTensorCount);
        for (std::int32_t i = 0; i < count; ++i)
        {
            auto const* const name = engine.call<char const*>(slots.engineTensorName, i);
            bool const isInput = engine.call<std::int32_t>(slots.engineTensorMode, name) == kInput;
            names.insert((isInput ? "<" : ">") + std::string(name));
            ports[name] = {fromTensorRt(engine.call<std::int32_t>(slots.engineTensorType, name)),
                isInput, engine.call<std::int32_t>(slots.engineTensorLocation, name) == kOnHost};
        }
        std::set<std::string> expected{"<images", "<image_sizes"};
        if (metadata.outputs == "masks")
        {
            expected.insert({"<rois", "<labels", ">masks"});
        }
        else
        {
            for (char const* name : outputNames(metadata.form))
            {
                expected.insert(std::string(">") + name);
            }
        }
        if (names != expected)
        {
            raise(REFINEMASK_INVALID_ARTIFACT,
                "it has other inputs or outputs than its record says; build it again with: ",
                mRecord.command);
        }
        return ports;
    }

    //! Return an execution that nobody uses, or a new one.
    std::unique_ptr<Execution> takeIdle()
    {
        std::lock_guard const lock(mMutex);
        if (!mIdle.empty())
        {
            std::unique_ptr<Execution> idle = std::move(mIdle.back());
            mIdle.pop_back();
            return idle;
        }
        Slots const& slots = mLibrary->slots();
        takeTensorRtError();
        TensorRtObject context(mLoaded->config
                ? mLoaded->engine.call<void*>(
                      slots.engineCreateConfiguredContext, mLoaded->config->get())
                : mLoaded->engine.call<void*>(slots.engineCreateContext, kStaticAllocation));
        if (!context)
        {
            raise(REFINEMASK_OUT_OF_MEMORY, "there is no memory for it on the GPU",
                takeTensorRtError(),
                "; use it in fewer threads, or build it again with smaller --max-shapes");
        }
        return std::make_unique<Execution>(std::move(context), *mLibrary, mGpu, mLoaded->ports);
    }

    void give(std::unique_ptr<Execution> execution)
    {
        std::lock_guard const lock(mMutex);
        mIdle.push_back(std::move(execution));
    }

    EngineRecord mRecord;
    std::shared_ptr<TensorRtLibrary> mLibrary;
    Gpu mGpu;
    std::optional<Loaded> mLoaded;
    std::mutex mMutex; // of what follows, and of the making of contexts
    std::vector<std::unique_ptr<Execution>> mIdle;
};

} // namespace

std::unique_ptr<Backend> openTensorRt(
    EngineRecord record, std::string const& runtime, BackendOptions const& options)
{
    Flavour const& flavour = *findFlavour(record.runtime);
    if (record.runtime != runtime)
    {
        raise(REFINEMASK_INVALID_ARGUMENT, "it is an engine of ", flavour.title,
            "; open it with the runtime ", record.runtime);
    }
    int const index = deviceIndex(options.device);
    auto library = loadTensorRt(flavour, options.runtimeLibrary, record.runtimeVersion);
    std::string const plugins = !options.operatorLibrary.empty()
        ? options.operatorLibrary
        : siblingLibrary("librefinemask_trt.so");
    checkHost(record, library->version(), plugins);
    if (record.pluginsDigest)
    {
        library->loadPlugins(plugins);
    }
    return std::make_unique<TensorRtBackend>(std::move(record), std::move(library), index);
}

} // namespace refinemask::runtime
