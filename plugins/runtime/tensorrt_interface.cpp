#include "runtime/tensorrt_interface.h"

#include "runtime/error.h"
#include "runtime/tensorrt_callbacks.h"

#include <algorithm>
#include <mutex>

namespace refinemask::runtime
{

Flavour const kTensorRt{"tensorrt", "TensorRT", "REFINEMASK_TENSORRT", false};
Flavour const kTensorRtx{"tensorrt_rtx", "TensorRT-RTX", "REFINEMASK_TENSORRT_RTX", true};

namespace
{

//! Releases whose tables are known; see tensorrt_slots.h.
struct Known
{
    Flavour const& flavour;
    std::int32_t major;
    std::int32_t firstMinor;
    std::int32_t lastMinor;
    Slots const& slots;
};

Known const kKnown[] = {
    {kTensorRt, 10, 13, 16, kTensorRt10},
    {kTensorRt, 11, 0, 4, kTensorRt11},
    {kTensorRtx, 1, 6, 7, kTensorRtRtx},
};

std::string knownReleases(Flavour const& flavour)
{
    std::string text;
    for (Known const& known : kKnown)
    {
        if (&known.flavour == &flavour)
        {
            text += concatenate(text.empty() ? "" : " and ", known.major, ".", known.firstMinor,
                " to ", known.major, ".", known.lastMinor);
        }
    }
    return text;
}

std::string advice(Flavour const& flavour)
{
    return concatenate("install ", flavour.title, " ", knownReleases(flavour),
        ", and name its library in the engine's options or in ", flavour.variable);
}

struct EnterpriseLibrary : TensorRtLibrary
{
    explicit EnterpriseLibrary(std::vector<std::string> const& paths)
        : TensorRtLibrary(kTensorRt, paths)
    {
    }
};

struct RtxLibrary : TensorRtLibrary
{
    explicit RtxLibrary(std::vector<std::string> const& paths)
        : TensorRtLibrary(kTensorRtx, paths)
    {
    }
};

} // namespace

Flavour const* findFlavour(std::string const& name)
{
    return name == kTensorRt.name ? &kTensorRt : name == kTensorRtx.name ? &kTensorRtx : nullptr;
}

TensorRtLibrary::TensorRtLibrary(Flavour const& flavour, std::vector<std::string> const& paths)
    : mFlavour(flavour)
    , mLibrary(flavour.title, paths, advice(flavour))
    , mSlots(nullptr)
{
    std::int32_t const major = number("getInferLibMajorVersion");
    std::int32_t const minor = number("getInferLibMinorVersion");
    mVersion = concatenate(major, ".", minor, ".", number("getInferLibPatchVersion"), ".",
        number("getInferLibBuildVersion"));
    for (Known const& known : kKnown)
    {
        if (&known.flavour == &mFlavour && known.major == major && known.firstMinor <= minor
            && minor <= known.lastMinor)
        {
            mSlots = &known.slots;
        }
    }
    if (mSlots == nullptr)
    {
        raise(REFINEMASK_RUNTIME_MISSING, path(), " has the version ", mVersion,
            ", and the interface of ", mFlavour.title, " is known to this library for ",
            knownReleases(mFlavour), "; ", advice(mFlavour));
    }
}

std::int32_t TensorRtLibrary::number(char const* function) const
{
    return mLibrary.function<std::int32_t()>(function)();
}

TensorRtObject TensorRtLibrary::createRuntime() const
{
    auto* const create
        = mLibrary.function<void*(void*, std::int32_t)>("createInferRuntime_INTERNAL");
    TensorRtObject runtime(create(tensorRtLogger(*mSlots), number("getInferLibVersion")));
    if (!runtime)
    {
        raise(REFINEMASK_RUNTIME_FAILED, path(), " gives no runtime", takeTensorRtError(),
            "; check GPU and driver with nvidia-smi");
    }
    return runtime;
}

void TensorRtLibrary::loadPlugins(std::string const& path) const
{
    static std::mutex mutex;
    std::lock_guard const lock(mutex);
    void* const registry = mLibrary.function<void*()>("getPluginRegistry")();
    {
        TensorRtSilence const silence;
        if (callSlot<void*>(registry, mSlots->registryFind, "BatchedNMS", "1", "refinemask")
            != nullptr)
        {
            return;
        }
    }
    takeTensorRtError();
    if (callSlot<void*>(registry, mSlots->registryLoad, path.c_str()) == nullptr)
    {
        raise(REFINEMASK_RUNTIME_FAILED, mFlavour.title, " does not load the plugin library ", path,
            takeTensorRtError(), "; install that of this version of the package");
    }
}

std::shared_ptr<TensorRtLibrary> loadTensorRt(
    Flavour const& flavour, std::string const& given, std::string const& version)
{
    std::string const major = version.substr(0, version.find('.'));
    std::string const usual
        = concatenate(&flavour == &kTensorRt ? "libnvinfer.so." : "libtensorrt_rtx.so.", major);
    std::vector<std::string> const paths = libraryPaths(given, flavour.variable, {usual});
    if (&flavour == &kTensorRt)
    {
        return sharedApi<EnterpriseLibrary>(paths);
    }
    return sharedApi<RtxLibrary>(paths);
}

} // namespace refinemask::runtime
