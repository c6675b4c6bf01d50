// TensorRT, whose engines find as many objects in an image as its first byte says.
//
// The version that SIMULATED_TENSORRT names lays out its tables; whatever is not expected to be
// called ends the process. The bytes of an engine are words: its outputs ("fused", "static" or
// "masks"), "digests" if its scores are made of all bytes of a batch, and what it is to do wrong.
#include "runtime/tensorrt_slots.h"
#include "tests/simulated/simulated.h"

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <initializer_list>
#include <iterator>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

namespace
{

using namespace refinemask::runtime;

constexpr std::int64_t kSlots = 5; // of an image in the static form
constexpr std::int64_t kSide = 28;

struct Dims
{
    std::int32_t count;
    std::int64_t lengths[8];
};

[[noreturn]] void unexpected()
{
    std::fprintf(stderr, "an entry of a table was called that is not expected to be\n");
    std::abort();
}

void expect(bool condition)
{
    if (!condition)
    {
        unexpected();
    }
}

int versionPart(int index)
{
    char const* text = std::getenv("SIMULATED_TENSORRT");
    int parts[4]{};
    std::sscanf(text, "%d.%d.%d.%d", parts, parts + 1, parts + 2, parts + 3);
    return parts[index];
}

Slots const& slots()
{
    return versionPart(0) == 10 ? kTensorRt10 : versionPart(0) == 11 ? kTensorRt11 : kTensorRtRtx;
}

//! What stands at the beginning of an object.
class Table
{
public:
    Table()
    {
        std::fill(std::begin(mEntries), std::end(mEntries), reinterpret_cast<void*>(&unexpected));
    }

    template <typename Function>
    void set(int slot, Function* function)
    {
        if (slot >= 0)
        {
            mEntries[slot] = reinterpret_cast<void*>(function);
        }
    }

private:
    void* mEntries[64];
};

//! What is handed out: its implementation stands behind the pointer to its table.
template <typename Implementation>
struct Shell
{
    Table* table;
    Implementation* implementation;

    static void* make(Implementation* implementation)
    {
        static Table table;
        table.set(1, &destroy);
        simulated::count(1);
        return new Shell{&table, implementation};
    }

    static void destroy(Shell* self)
    {
        delete self->implementation;
        delete self;
        simulated::count(-1);
    }
};

struct Implementation
{
    Table* table = &own;
    Table own;
};

struct Tensor
{
    std::string name;
    std::int32_t type;
    std::int32_t mode; // 1 for inputs, 2 for outputs
};

struct Content
{
    std::set<std::string> words;
    std::vector<Tensor> tensors;

    bool has(char const* word) const
    {
        return words.count(word) > 0;
    }
};

void logError(void* logger, char const* message)
{
    callSlot<void>(logger, slots().loggerLog, std::int32_t{1}, message);
}

// --- IHostMemory and IRuntimeCache --------------------------------------------------------------

struct HostMemory : Implementation
{
    std::string content;

    explicit HostMemory(std::string given)
        : content(std::move(given))
    {
        own.set(slots().memoryData, &data);
        own.set(slots().memorySize, &size);
    }

    static void* data(HostMemory* self)
    {
        return self->content.data();
    }

    static std::size_t size(HostMemory* self)
    {
        return self->content.size();
    }
};

struct Cache : Implementation
{
    std::set<std::string> kernels;

    Cache()
    {
        own.set(slots().cacheSerialize, &serialize);
        own.set(slots().cacheDeserialize, &deserialize);
    }

    static void* serialize(Cache* self)
    {
        expect(simulated::hasCurrent());
        std::string text;
        for (std::string const& kernel : self->kernels)
        {
            text += kernel + ";";
        }
        return Shell<HostMemory>::make(new HostMemory(text));
    }

    static bool deserialize(Cache* self, char const* data, std::size_t size)
    {
        expect(simulated::hasCurrent());
        std::string const text(data, size);
        for (std::size_t start = 0; start < size; start = text.find(';', start) + 1)
        {
            self->kernels.insert(text.substr(start, text.find(';', start) - start));
        }
        return true;
    }
};

struct Config : Implementation
{
    Cache* cache = nullptr;

    Config()
    {
        own.set(slots().configCreateCache, &createCache);
        own.set(slots().configSetCache, &setCache);
    }

    static void* createCache(Config*)
    {
        return Shell<Cache>::make(new Cache);
    }

    static bool setCache(Config* self, Shell<Cache>* given)
    {
        self->cache = given->implementation;
        return true;
    }
};

// --- IExecutionContext --------------------------------------------------------------------------

struct Context : Implementation
{
    Content const& content;
    void* logger;
    Cache* cache;
    std::map<std::string, Dims> shapes;
    std::map<std::string, void*> addresses;
    std::map<std::string, void*> allocators;

    Context(Content const& given, void* log, Cache* kernels)
        : content(given)
        , logger(log)
        , cache(kernels)
    {
        own.set(slots().contextSetInputShape, &setInputShape);
        own.set(slots().contextSetAddress, &setAddress);
        own.set(slots().contextSetAllocator, &setAllocator);
        own.set(slots().contextEnqueue, &enqueue);
    }

    static bool setInputShape(Context* self, char const* name, Dims const* shape)
    {
        self->shapes[name] = *shape;
        return true;
    }

    static bool setAddress(Context* self, char const* name, void* address)
    {
        self->addresses[name] = address;
        return reinterpret_cast<std::uintptr_t>(address) != 0;
    }

    static bool setAllocator(Context* self, char const* name, void* allocator)
    {
        self->allocators[name] = allocator;
        return true;
    }

    static bool enqueue(Context* self, void* stream)
    {
        expect(simulated::hasCurrent());
        if (self->content.has("enqueue-fails"))
        {
            logError(self->logger, "the shapes do not fit");
            return false;
        }
        simulated::drain(stream); // the shapes of outputs depend on values
        if (self->cache != nullptr)
        {
            Dims const& shape = self->shapes.at("images");
            self->cache->kernels.insert(
                std::to_string(shape.lengths[1]) + "x" + std::to_string(shape.lengths[2]));
        }
        return self->content.has("masks") ? self->enqueueMasks(stream)
                                          : self->enqueueDetections(stream);
    }

    std::int64_t size(char const* name) const
    {
        Dims const& shape = shapes.at(name);
        std::int64_t all = 1;
        for (std::int32_t i = 0; i < shape.count; ++i)
        {
            all *= shape.lengths[i];
        }
        return all;
    }

    std::uint8_t const* input(char const* name, std::size_t bytes) const
    {
        auto const* const found = simulated::onHost(addresses.at(name), bytes);
        expect(found != nullptr);
        return found;
    }

    //! Return the first byte of each image.
    std::vector<std::uint8_t> firstBytes() const
    {
        auto const all = size("images");
        auto const* const pixels = input("images", static_cast<std::size_t>(all));
        std::int64_t const images = shapes.at("images").lengths[0];
        std::vector<std::uint8_t> bytes;
        for (std::int64_t i = 0; i < images; ++i)
        {
            bytes.push_back(pixels[i * (all / images)]);
        }
        checkSizes(images);
        return bytes;
    }

    //! Return a number below 1, which is another one if any byte of the batch is.
    float digest() const
    {
        constexpr std::uint32_t kRange = 1U << 24; // a float has so many bits
        auto const bytes = static_cast<std::size_t>(size("images"));
        auto const* const pixels = input("images", bytes);
        std::uint32_t digest = 0;
        for (std::size_t i = 0; i < bytes; ++i)
        {
            digest = (digest * 31 + pixels[i]) % kRange;
        }
        return static_cast<float>(digest) / kRange;
    }

    //! The sizes of images are where the engine takes them, and are not zero.
    void checkSizes(std::int64_t images) const
    {
        void const* const address = addresses.at("image_sizes");
        auto const bytes = static_cast<std::size_t>(images) * 2 * sizeof(std::int64_t);
        auto const* const sizes = content.has("sizes-on-host")
            ? static_cast<std::int64_t const*>(address)
            : reinterpret_cast<std::int64_t const*>(input("image_sizes", bytes));
        expect(std::all_of(sizes, sizes + 2 * images,
            [](std::int64_t side)
            {
                return side > 0;
            }));
    }

    //! Give values as an output: memory is asked for, and written when the stream gets there.
    template <typename T>
    bool output(char const* name, std::vector<std::int64_t> const& shape,
        std::vector<T> const& values, void* stream)
    {
        void* const allocator = allocators.at(name);
        std::size_t const bytes = values.size() * sizeof(T);
        void* const address = callSlot<void*>(allocator, slots().allocatorReallocate, name,
            static_cast<void*>(nullptr), std::uint64_t{bytes}, std::uint64_t{256}, stream);
        if (address == nullptr)
        {
            logError(logger, "the allocator gives no memory");
            return false;
        }
        Dims dims{static_cast<std::int32_t>(shape.size()), {}};
        std::copy(shape.begin(), shape.end(), dims.lengths);
        if (!content.has("no-shapes"))
        {
            callSlot<void>(allocator, slots().allocatorNotifyShape, name, &dims);
        }
        auto* const memory = simulated::onHost(address, bytes);
        expect(memory != nullptr);
        simulated::enqueue(stream,
            [memory, values, bytes]
            {
                std::copy_n(reinterpret_cast<std::uint8_t const*>(values.data()), bytes, memory);
            });
        return true;
    }

    bool enqueueDetections(void* stream)
    {
        std::vector<std::uint8_t> const found = firstBytes();
        bool const isStatic = content.has("static");
        auto const images = static_cast<std::int64_t>(found.size());
        std::vector<std::int64_t> last; // image_index or num_detections
        std::int64_t slotCount = 0;
        for (std::int64_t i = 0; i < images; ++i)
        {
            std::int64_t const count = found[static_cast<std::size_t>(i)];
            last.insert(
                last.end(), static_cast<std::size_t>(isStatic ? 1 : count), isStatic ? count : i);
            slotCount += isStatic ? kSlots : count;
        }
        auto const all = static_cast<std::size_t>(slotCount);
        auto const shape = [&](std::initializer_list<std::int64_t> rest)
        {
            std::vector<std::int64_t> lengths{slotCount};
            if (isStatic)
            {
                lengths = {images, kSlots};
            }
            lengths.insert(lengths.end(), rest);
            return lengths;
        };
        std::vector<float> boxes;
        for (std::size_t i = 0; i < all; ++i)
        {
            boxes.insert(boxes.end(), {1.0F, 2.0F, 3.0F, 4.0F});
        }
        return output("boxes", shape({4}), boxes, stream)
            && output("scores", shape({}),
                std::vector<float>(all, content.has("digests") ? digest() : 0.5F), stream)
            && output("labels", shape({}), std::vector<std::int64_t>(all, 0), stream)
            && output("masks", shape({kSide, kSide}), std::vector<float>(all * kSide * kSide, 1.0F),
                stream)
            && output(isStatic ? "num_detections" : "image_index",
                {static_cast<std::int64_t>(last.size())}, last, stream)
            && (!isStatic
                || output("truncated", {images},
                    std::vector<std::uint8_t>(static_cast<std::size_t>(images), 0), stream));
    }

    bool enqueueMasks(void* stream)
    {
        float const value = static_cast<float>(firstBytes().at(0)) / 255.0F;
        std::int64_t const count = shapes.at("rois").lengths[0];
        return output("masks", {count, kSide, kSide},
            std::vector<float>(static_cast<std::size_t>(count * kSide * kSide), value), stream);
    }
};

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
