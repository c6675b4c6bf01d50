#include "runtime/engine.h"

#include "image/resize.h"
#include "runtime/error.h"
#include "runtime/outputs.h"
#include "runtime/threads.h"

#include <algorithm>
#include <chrono>
#include <map>
#include <optional>
#include <utility>

namespace refinemask::runtime
{
namespace
{

constexpr std::int64_t kChannels = 3;
constexpr std::size_t kBatch = 8; // most images of a batch where the artifact leaves it open

std::unique_ptr<Backend> openBackend(
    Artifact const& artifact, std::string const& runtime, BackendOptions const& options)
{
#ifdef REFINEMASK_WITH_ONNXRUNTIME
    if (runtime == "onnxruntime")
    {
        return openOnnxRuntime(artifact, options);
    }
#endif
#ifdef REFINEMASK_OPENVINO_VERSION
    if (runtime == "openvino")
    {
        return openOpenVino(artifact, options);
    }
#endif
    static_cast<void>(options);
    if (runtime == "onnxruntime" || runtime == "openvino")
    {
        raise(REFINEMASK_RUNTIME_MISSING, "this library was built without the headers of ", runtime,
            ", which it needs to run ", artifact.path, "; build it where they are");
    }
    raise(REFINEMASK_INVALID_ARGUMENT, "unknown runtime ", runtime,
        "; choose onnxruntime or openvino");
}

//! Adds the time from its construction to its end.
class Stopwatch
{
public:
    explicit Stopwatch(std::int64_t& total)
        : mTotal(total)
        , mStart(std::chrono::steady_clock::now())
    {
    }

    ~Stopwatch()
    {
        mTotal += std::chrono::nanoseconds(std::chrono::steady_clock::now() - mStart).count();
    }

    Stopwatch(Stopwatch const&) = delete;
    Stopwatch& operator=(Stopwatch const&) = delete;

private:
    std::int64_t& mTotal;
    std::chrono::steady_clock::time_point mStart;
};

} // namespace

Owned<refinemask_info> makeInfo(Artifact const& artifact)
{
    Metadata const& metadata = artifact.metadata;
    std::vector<std::string> const words{
        metadata.preset, metadata.form, metadata.precision, artifact.json, artifact.digest};
    auto const classes = static_cast<std::int64_t>(metadata.classNames.size());
    BlockBuilder builder;
    auto const first = builder.add<refinemask_info>(1);
    auto const ids = builder.add<std::int64_t>(classes);
    Texts const names(builder, metadata.classNames);
    Texts const texts(builder, words);
    builder.allocate();

    std::copy(metadata.categoryIds.begin(), metadata.categoryIds.end(), builder.at(ids));
    char const* const* const written = texts.write(builder);
    refinemask_info info{};
    info.preset = written[0];
    info.form = written[1];
    info.precision = written[2];
    info.metadata = written[3];
    info.sha256 = written[4];
    info.class_count = classes;
    info.class_names = names.write(builder);
    info.category_ids = builder.at(ids);
    info.max_detections = metadata.maxDetections;
    info.short_side = metadata.limits.shortSide;
    info.long_side = metadata.limits.longSide;
    info.batch = metadata.limits.batch;
    *builder.at(first) = info;
    return builder.release(first);
}

Engine::Engine(std::string const& path, std::string const& runtime, BackendOptions const& options)
{
    Artifact artifact = openArtifact(path);
    mInfo = makeInfo(artifact);
    try
    {
        mBackend = openBackend(artifact, runtime, options);
    }
    catch (Error const& error)
    {
        raise(error.status(), "cannot open ", path, ": ", error.what());
    }
    mMetadata = std::move(artifact.metadata);
    mRuntime = mBackend->description();
}

PreparedSize Engine::preparedSize(ImageView const& image) const
{
    return refinemask::preparedSize(image.height, image.width, prepareOptions());
}

void Engine::prepare(ImageView const& image, PreparedSize const& size, std::uint8_t* target) const
{
    MutableImageView const padded{target, size.paddedWidth, size.paddedHeight,
        kChannels * size.paddedWidth, PixelFormat::kRGB};
    prepareImage(image, prepareOptions(), padded, inThreads(kResizeTasksPerThread));
}

PrepareOptions Engine::prepareOptions() const
{
    InputLimits const& limits = mMetadata.limits;
    return PrepareOptions{
        limits.shortSide, limits.longSide, limits.divisor, limits.height, limits.width};
}

std::vector<Owned<refinemask_detections>> Engine::predict(
    std::vector<ImageView> const& images, PredictOptions const& options) const
{
    std::vector<PreparedSize> sizes;
    std::map<std::pair<std::int64_t, std::int64_t>, std::vector<std::size_t>> groups;
    for (ImageView const& image : images)
    {
        sizes.push_back(preparedSize(image));
        groups[{sizes.back().paddedHeight, sizes.back().paddedWidth}].push_back(sizes.size() - 1);
    }
    std::size_t const most
        = mMetadata.limits.batch > 0 ? static_cast<std::size_t>(mMetadata.limits.batch) : kBatch;
    std::vector<Owned<refinemask_detections>> found(images.size());
    for (auto const& [size, indices] : groups)
    {
        for (std::size_t start = 0; start < indices.size(); start += most)
        {
            auto const first = indices.begin() + static_cast<std::ptrdiff_t>(start);
            auto const count = static_cast<std::ptrdiff_t>(std::min(most, indices.size() - start));
            runBatch(images, sizes, {first, first + count}, options, found);
        }
    }
    return found;
}

void Engine::runBatch(std::vector<ImageView> const& images, std::vector<PreparedSize> const& sizes,
    std::vector<std::size_t> const& indices, PredictOptions const& options,
    std::vector<Owned<refinemask_detections>>& found) const
{
    options.stop.check();
    std::optional<Stopwatch> watch(options.times.preprocess);
    PreparedSize const& one = sizes[indices.front()];
    std::int64_t const fixed = mMetadata.limits.batch;
    auto const length = fixed > 0 ? fixed : static_cast<std::int64_t>(indices.size());
    std::int64_t const bytes = kChannels * one.paddedHeight * one.paddedWidth;
    // A fixed batch is filled up with black images.
    std::vector<std::uint8_t> pixels(static_cast<std::size_t>(length * bytes));
    std::vector<std::int64_t> extents;
    for (std::size_t const index : indices)
    {
        std::uint8_t* const target
            = pixels.data() + static_cast<std::int64_t>(extents.size()) / 2 * bytes;
        prepare(images[index], sizes[index], target);
        extents.insert(extents.end(), {sizes[index].height, sizes[index].width});
    }
    while (extents.size() < 2 * static_cast<std::size_t>(length))
    {
        extents.insert(extents.end(), {one.height, one.width});
    }
    std::vector<Tensor> const inputs{
        {"images", ElementType::kUInt8, Shape{length, one.paddedHeight, one.paddedWidth, kChannels},
            pixels.data()},
        {"image_sizes", ElementType::kInt64, Shape{length, 2}, extents.data()},
    };
    watch.emplace(options.times.inference);
    Outputs const outputs = mBackend->run(inputs, outputNames(mMetadata.form), options.stop);
    watch.emplace(options.times.postprocess);
    auto const split = splitOutputs(outputs, mMetadata, length, one.paddedHeight, one.paddedWidth);
    for (std::size_t i = 0; i < indices.size(); ++i)
    {
        ImageView const& image = images[indices[i]];
        PreparedSize const& size = sizes[indices[i]];
        found[indices[i]] = makeDetections(split[i],
            ImageScale{image.height, image.width, size.scaleX, size.scaleY}, mMetadata.classNames,
            options.masks, options.scoreThreshold, options.maxDetections);
    }
}

} // namespace refinemask::runtime
