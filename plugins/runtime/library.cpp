// The public C functions (include/refinemask/refinemask.h): checks of arguments around Engine.
#include "runtime/engine.h"
#include "runtime/error.h"

#include <algorithm>
#include <cstring>
#include <type_traits>

using namespace refinemask;
using namespace refinemask::runtime;

struct refinemask_engine
{
    refinemask_engine(
        std::string const& path, std::string const& runtime, BackendOptions const& options)
        : engine(path, runtime, options)
    {
    }

    Engine engine;
};

struct refinemask_cancellation
{
    Cancellation cancellation;
};

namespace
{

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

void checkMasks(refinemask_mask_format masks)
{
    if (masks < REFINEMASK_MASKS_BITMAP || masks > REFINEMASK_MASKS_NONE)
    {
        raise(REFINEMASK_INVALID_ARGUMENT, "unknown mask format ", static_cast<int>(masks));
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
            *engine = std::make_unique<refinemask_engine>(path, orEmpty(given.runtime), backend)
                          .release();
        });
}

void refinemask_close(refinemask_engine* engine)
{
    std::unique_ptr<refinemask_engine> const owned(engine);
}

refinemask_status refinemask_read_info(char const* path, refinemask_info** info)
{
    return guarded(
        [&]
        {
            require("path", path);
            require("info", info);
            *info = makeInfo(openArtifact(path)).release();
        });
}

refinemask_info const* refinemask_engine_info(refinemask_engine const* engine)
{
    return engine == nullptr ? nullptr : &engine->engine.info();
}

char const* refinemask_engine_runtime(refinemask_engine const* engine)
{
    return engine == nullptr ? nullptr : engine->engine.runtime().c_str();
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
            Engine const& used = require("engine", engine).engine;
            ImageView const view = toView(require("image", image));
            PreparedSize const size = used.preparedSize(view);
            BlockBuilder builder;
            auto const first = builder.add<refinemask_prepared>(1);
            auto const pixels = builder.add<std::uint8_t>(3 * size.paddedHeight * size.paddedWidth);
            builder.allocate();
            used.prepare(view, size, builder.at(pixels));
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
            *cancellation = std::make_unique<refinemask_cancellation>().release();
        });
}

void refinemask_cancel(refinemask_cancellation* cancellation)
{
    static_cast<void>(guarded(
        [&]
        {
            require("cancellation", cancellation).cancellation.cancel();
        }));
}

void refinemask_free_cancellation(refinemask_cancellation* cancellation)
{
    std::unique_ptr<refinemask_cancellation> const owned(cancellation);
}

refinemask_status refinemask_predict(refinemask_engine* engine, refinemask_image const* images,
    size_t count, refinemask_predict_options const* options, refinemask_detections** detections)
{
    return guarded(
        [&]
        {
            Engine const& used = require("engine", engine).engine;
            require("images", images);
            require("detections", detections);
            refinemask_predict_options const given
                = readOptions("options", options, REFINEMASK_PREDICT_OPTIONS);
            checkMasks(given.masks);
            if (count == 0)
            {
                raise(REFINEMASK_INVALID_ARGUMENT, "count must be >= 1, got 0");
            }
            std::vector<ImageView> views;
            std::transform(images, images + count, std::back_inserter(views), toView);
            Cancellation* const cancellation
                = given.cancellation == nullptr ? nullptr : &given.cancellation->cancellation;
            StopSignal stop(cancellation, deadline(given.timeout_ms));
            refinemask_times times{};
            auto found = used.predict(views,
                PredictOptions{
                    given.masks, given.score_threshold, given.max_detections, stop, times});
            for (std::size_t i = 0; i < count; ++i)
            {
                detections[i] = found[i].release();
            }
            if (given.times != nullptr)
            {
                *given.times = times;
            }
        });
}

#pragma GCC visibility pop
