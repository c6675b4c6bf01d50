// TensorRT, whose engines find as many objects in an image as its first byte says.
//
// The version that SIMULATED_TENSORRT names lays out its tables; whatever is not expected to be
// called ends the process. The bytes of an engine are words: its outputs ("fused", "static" or
// "masks"), "digests" if its scores are made of all bytes of a batch, and what it is to do wrong.
#include "tests/simulated/tensorrt_context.h"

#include <atomic>
#include <cstring>
#include <initializer_list>
#include <sstream>

namespace
{

using namespace simulated;

// --- ICudaEngine and IRuntime -------------------------------------------------------------------

struct Engine : Implementation
{
    Content content;
    void* logger;

    Engine(std::string const& text, void* log)
        : logger(log)
    {
        std::istringstream stream(text);
        content.words.insert(
            std::istream_iterator<std::string>(stream), std::istream_iterator<std::string>());
        content.tensors = {{"images", 5, 1}, {"image_sizes", 8, 1}};
        if (content.has("masks"))
        {
            content.tensors.insert(
                content.tensors.end(), {{"rois", 0, 1}, {"labels", 8, 1}, {"masks", 0, 2}});
        }
        else
        {
            content.tensors.insert(content.tensors.end(),
                {{"boxes", 0, 2}, {"scores", content.has("half") ? 1 : 0, 2}, {"labels", 8, 2},
                    {"masks", 0, 2},
                    {content.has("static") ? "num_detections" : "image_index", 8, 2}});
        }
        if (content.has("static"))
        {
            content.tensors.push_back({"truncated", 4, 2});
        }
        own.set(slots().engineTensorCount, &count);
        own.set(slots().engineTensorName, &name);
        own.set(slots().engineTensorMode, &mode);
        own.set(slots().engineTensorType, &type);
        own.set(slots().engineTensorLocation, &location);
        bool const isRtx = versionPart(0) == 1;
        own.set(slots().engineCreateConfig, isRtx ? &createConfig : nullptr);
        own.set(slots().engineCreateContext, &createContext);
        own.set(slots().engineCreateConfiguredContext, &createConfiguredContext);
    }

    static std::int32_t count(Engine* self)
    {
        return static_cast<std::int32_t>(self->content.tensors.size());
    }

    static char const* name(Engine* self, std::int32_t index)
    {
        return self->content.tensors.at(static_cast<std::size_t>(index)).name.c_str();
    }

    Tensor const& find(char const* wanted) const
    {
        return *std::find_if(content.tensors.begin(), content.tensors.end(),
            [&](Tensor const& one)
            {
                return one.name == wanted;
            });
    }

    static std::int32_t mode(Engine* self, char const* name)
    {
        return self->find(name).mode;
    }

    static std::int32_t type(Engine* self, char const* name)
    {
        return self->find(name).type;
    }

    static std::int32_t location(Engine* self, char const* name)
    {
        return self->content.has("sizes-on-host") && std::strcmp(name, "image_sizes") == 0 ? 1 : 0;
    }

    static void* createConfig(Engine*)
    {
        return Shell<Config>::make(new Config);
    }

    void* context(Cache* cache)
    {
        if (content.has("no-context"))
        {
            logError(logger, "out of memory");
            return nullptr;
        }
        return Shell<Context>::make(new Context(content, logger, cache));
    }

    static void* createContext(Engine* self, std::int32_t)
    {
        expect(versionPart(0) != 1);
        return self->context(nullptr);
    }

    static void* createConfiguredContext(Engine* self, Shell<Config>* config)
    {
        return self->context(config->implementation->cache);
    }
};

struct Runtime : Implementation
{
    void* logger;

    explicit Runtime(void* log)
        : logger(log)
    {
        own.set(slots().runtimeDeserialize, &deserialize);
    }

    static void* deserialize(Runtime* self, char const* data, std::size_t size)
    {
        expect(simulated::hasCurrent());
        std::string const text(data, size);
        if (text.find("refused") != std::string::npos)
        {
            logError(self->logger, "the engine has another magic tag");
            return nullptr;
        }
        return Shell<Engine>::make(new Engine(text, self->logger));
    }
};

std::atomic<int> gPluginLoads{0};
void* gLogger = nullptr; // of the last runtime

struct Registry : Implementation
{
    Registry()
    {
        own.set(slots().registryFind, &find);
        own.set(slots().registryLoad, &load);
    }

    static void* find(Registry* self, char const* name, char const* version, char const* space)
    {
        expect(std::strcmp(name, "BatchedNMS") == 0 && std::strcmp(version, "1") == 0
            && std::strcmp(space, "refinemask") == 0);
        if (gPluginLoads == 0 && gLogger != nullptr)
        {
            logError(gLogger, "cannot find the plugin");
        }
        return gPluginLoads > 0 ? self : nullptr;
    }

    static void* load(Registry* self, char const*)
    {
        ++gPluginLoads;
        return self;
    }
};

} // namespace

extern "C"
{

    int simulated_plugin_loads()
    {
        return gPluginLoads;
    }

    std::int32_t getInferLibMajorVersion()
    {
        return versionPart(0);
    }

    std::int32_t getInferLibMinorVersion()
    {
        return versionPart(1);
    }

    std::int32_t getInferLibPatchVersion()
    {
        return versionPart(2);
    }

    std::int32_t getInferLibBuildVersion()
    {
        return versionPart(3);
    }

    std::int32_t getInferLibVersion()
    {
        return versionPart(0) * 10000 + versionPart(1) * 100 + versionPart(2);
    }

    void* createInferRuntime_INTERNAL(void* logger, std::int32_t version)
    {
        gLogger = logger;
        return version == getInferLibVersion() ? Shell<Runtime>::make(new Runtime(logger))
                                               : nullptr;
    }

    void* getPluginRegistry()
    {
        thread_local Registry registry;
        registry = Registry(); // of the version that is simulated now
        registry.table = &registry.own;
        return &registry;
    }

} // extern "C"
