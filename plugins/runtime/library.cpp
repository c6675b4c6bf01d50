// The public C functions (include/refinemask/refinemask.h): checks of arguments around Engine.
#include "runtime/engine.h"
#include "runtime/error.h"
#include "runtime/handles.h"

#include <algorithm>
#include <cstring>
#include <type_traits>

using namespace refinemask;
using namespace refinemask::runtime;

namespace
{

using Engines = Handles<refinemask_engine, Engine>;
using Cancellations = Handles<refinemask_cancellation, Cancellation>;

//! Never destroyed: what a program has not freed may still run when it ends.
Engines& engines()
{
    static Engines& all = *std::make_unique<Engines>().release();
    return all;
}

Cancellations& cancellations()
{
    static Cancellations& all = *std::make_unique<Cancellations>().release();
    return all;
}

template <typename T>
T& require(char const* name, T* pointer)
{
    if (pointer == nullptr)
    {
        raise(REFINEMASK_INVALID_ARGUMENT, name, " is NULL");
    }
    return *pointer;
}

//! Return options of this version, whichever version the caller was compiled for.
template <typename Options>
Options readOptions(char const* name, Options const* given, Options const& defaults)
{
    static_assert(std::is_trivially_copyable_v<Options>);
    Options options = defaults;
    if (given == nullptr)
    {
        return options;
    }
    if (given->struct_size < sizeof(std::size_t) || given->struct_size > sizeof(Options))
    {
        raise(REFINEMASK_INVALID_ARGUMENT, name, " has the struct_size ", given->struct_size,
            ", and this library, ", refinemask_version(), ", knows ", sizeof(Options),
            "; initialise it with the macro of its name, of the header of this version");
    }
    std::memcpy(&options, given, given->struct_size);
    return options;
}

ImageView toView(refinemask_image const& image)
{
    auto const format = static_cast<PixelFormat>(image.format);
    std::int64_t stride = image.stride;
    if (stride == 0 && image.width > 0 && image.width <= kLargestSide)
    {
        stride = image.width * channelCount(format);
    }
    ImageView const view{image.data, image.width, image.height, stride, format};
    checkImage("refinemask", "image", view);
    return view;
}

std::optional<StopSignal::Clock::time_point> deadline(std::int64_t timeout)
{
    constexpr std::int64_t kLongest = 1000LL * 60 * 60 * 24 * 365;
    if (timeout < 0)
    {
        raise(REFINEMASK_INVALID_ARGUMENT, "timeout_ms must be >= 0, got ", timeout);
    }
    if (timeout == 0)
    {
        return std::nullopt;
    }
    return StopSignal::Clock::now() + std::chrono::milliseconds(std::min(timeout, kLongest));
}

//! Call `body` with options as the engine takes them, and write the times if it succeeds.
template <typename Body>
void run(refinemask_predict_options const* options, Body const& body)
{
    refinemask_predict_options const given
        = readOptions("options", options, REFINEMASK_PREDICT_OPTIONS);
    if (given.masks < REFINEMASK_MASKS_BITMAP || given.masks > REFINEMASK_MASKS_POLYGONS)
    {
        raise(REFINEMASK_INVALID_ARGUMENT, "unknown mask format ", static_cast<int>(given.masks));
    }
    if (given.image_memory != REFINEMASK_MEMORY_HOST && given.image_memory != REFINEMASK_MEMORY_GPU)
    {
        raise(REFINEMASK_INVALID_ARGUMENT, "image_memory must be 0 (host) or 1 (GPU), got ",
            static_cast<int>(given.image_memory));
    }
    std::shared_ptr<Cancellation> const cancellation = given.cancellation == nullptr
        ? nullptr
        : cancellations().use("cancellation", given.cancellation);
    StopSignal const stop(cancellation.get(), deadline(given.timeout_ms));
    refinemask_times times{};
    body(PredictOptions{
        given.masks, given.score_threshold, given.max_detections, stop, times, given.image_memory});
    if (given.times != nullptr)
    {
        *given.times = times;
    }
}

std::string orEmpty(char const* text)
{
    return text == nullptr ? "" : text;
}

} // namespace

#pragma GCC visibility push(default)

uint32_t refinemask_abi_version()
{
    return REFINEMASK_ABI_VERSION;
}

char const* refinemask_last_error()
{
    return lastError();
}

refinemask_status refinemask_open(
    char const* path, refinemask_engine_options const* options, refinemask_engine** engine)
{
    return guarded(
        [&]
        {
            require("path", path);
            require("engine", engine);
            refinemask_engine_options const given
                = readOptions("options", options, REFINEMASK_ENGINE_OPTIONS);
            if (given.threads < 0)
            {
                raise(REFINEMASK_INVALID_ARGUMENT, "threads must be >= 0, got ", given.threads);
            }
            BackendOptions const backend{orEmpty(given.device), orEmpty(given.runtime_library),
                orEmpty(given.operator_library), given.threads};
            *engine
                = engines().add(std::make_shared<Engine>(path, orEmpty(given.runtime), backend));
        });
}

void refinemask_close(refinemask_engine* engine)
{
    engines().release(engine);
}

refinemask_status refinemask_read_info(char const* path, refinemask_info** info)
{
    return guarded(
        [&]
        {
            require("path", path);
            require("info", info);
            *info = readInfo(path).release();
        });
}

refinemask_info const* refinemask_engine_info(refinemask_engine const* engine)
{
    refinemask_info const* info = nullptr;
    static_cast<void>(guarded(
        [&]
        {
            info = &engines().use("engine", engine)->info();
        }));
    return info;
}

char const* refinemask_engine_runtime(refinemask_engine const* engine)
{
    char const* runtime = nullptr;
    static_cast<void>(guarded(
        [&]
        {
            runtime = engines().use("engine", engine)->runtime().c_str();
        }));
    return runtime;
}

void refinemask_free(void* block)
{
    FreeBlock()(block);
}

refinemask_status refinemask_preprocess(
    refinemask_engine const* engine, refinemask_image const* image, refinemask_prepared** prepared)
{
    return guarded(
        [&]
        {
            require("prepared", prepared);
            auto const used = engines().use("engine", engine);
            ImageView const view = toView(require("image", image));
            PreparedSize const size = used->preparedSize(view);
            BlockBuilder builder;
            auto const first = builder.add<refinemask_prepared>(1);
            auto const pixels = builder.add<std::uint8_t>(3 * size.paddedHeight * size.paddedWidth);
            builder.allocate();
            used->prepare(view, size, builder.at(pixels));
            *builder.at(first) = refinemask_prepared{
                builder.at(pixels), size.paddedHeight, size.paddedWidth, size.height, size.width};
            *prepared = builder.release(first).release();
        });
}

refinemask_status refinemask_new_cancellation(refinemask_cancellation** cancellation)
{
    return guarded(
        [&]
        {
            require("cancellation", cancellation);
            *cancellation = cancellations().add(std::make_shared<Cancellation>());
        });
}

void refinemask_cancel(refinemask_cancellation* cancellation)
{
    static_cast<void>(guarded(
        [&]
        {
            cancellations().use("cancellation", cancellation)->cancel();
        }));
}

void refinemask_free_cancellation(refinemask_cancellation* cancellation)
{
    cancellations().release(cancellation);
}

refinemask_status refinemask_predict(refinemask_engine* engine, refinemask_image const* images,
    size_t count, refinemask_predict_options const* options, refinemask_detections** detections)
{
    return guarded(
        [&]
        {
            auto const used = engines().use("engine", engine);
            require("images", images);
            require("detections", detections);
            if (count == 0)
            {
                raise(REFINEMASK_INVALID_ARGUMENT, "count must be >= 1, got 0");
            }
            std::vector<ImageView> views;
            std::transform(images, images + count, std::back_inserter(views), toView);
            std::vector<Owned<refinemask_detections>> found;
            run(options,
                [&](PredictOptions const& given)
                {
                    found = used->predict(views, given);
                });
            for (std::size_t i = 0; i < count; ++i)
            {
                detections[i] = found[i].release();
            }
        });
}

refinemask_status refinemask_segment(refinemask_engine* engine, refinemask_image const* image,
    refinemask_boxes const* boxes, refinemask_predict_options const* options,
    refinemask_detections** detections)
{
    return guarded(
        [&]
        {
            auto const used = engines().use("engine", engine);
            ImageView const view = toView(require("image", image));
            require("boxes", boxes);
            require("detections", detections);
            run(options,
                [&](PredictOptions const& given)
                {
                    *detections = used->segment(view, *boxes, given).release();
                });
        });
}

refinemask_status refinemask_warm_up(refinemask_engine* engine, int64_t width, int64_t height)
{
    return guarded(
        [&]
        {
            auto const used = engines().use("engine", engine);
            if (std::min(width, height) < 1 || std::max(width, height) > kLargestSide)
            {
                raise(REFINEMASK_INVALID_ARGUMENT, "an image has sides of 1 to ", kLargestSide,
                    " pixels, got ", width, " x ", height);
            }
            std::vector<std::uint8_t> const black(static_cast<std::size_t>(width * height));
            used->warmUp({black.data(), width, height, width, PixelFormat::kGREY});
        });
}

#pragma GCC visibility pop
