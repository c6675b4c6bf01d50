// The context of an engine, and the kernels that it keeps.
#pragma once

#include "tests/simulated/tensorrt_tables.h"

#include <cstring>
#include <map>
#include <utility>

namespace simulated
{

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

} // namespace simulated
