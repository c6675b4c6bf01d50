#include "runtime/engine.h"

#include "image/resize.h"
#include "runtime/error.h"
#include "runtime/given_boxes.h"
#include "runtime/log.h"
#include "runtime/outputs.h"
#include "runtime/threads.h"

#include <algorithm>
#include <chrono>
#include <limits>
#include <map>
#include <optional>
#include <utility>

namespace refinemask::runtime
{
namespace
{

constexpr std::int64_t kChannels = 3;

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

Engine::Engine(std::string const& path, std::string const& runtime, BackendOptions const& options)
    : mPath(path)
    , mModel(openModel(path, runtime, options))
    , mRuntime(mModel.backend->description())
{
    log(REFINEMASK_LOG_INFO, "opened ", path, " (", mModel.metadata.form, ", ",
        mModel.metadata.precision, ") in ", mRuntime);
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
    InputLimits const& limits = mModel.metadata.limits;
    return PrepareOptions{
        limits.shortSide, limits.longSide, limits.divisor, limits.height, limits.width};
}

std::vector<Owned<refinemask_detections>> Engine::predict(
    std::vector<ImageView> const& images, PredictOptions const& options) const
{
    require("detections");
    std::vector<PreparedSize> sizes;
    std::map<std::pair<std::int64_t, std::int64_t>, std::vector<std::size_t>> groups;
    for (ImageView const& image : images)
    {
        sizes.push_back(preparedSize(image));
        groups[{sizes.back().paddedHeight, sizes.back().paddedWidth}].push_back(sizes.size() - 1);
    }
    std::int64_t const fixed = mModel.metadata.limits.batch;
    auto const most = static_cast<std::size_t>(fixed > 0 ? fixed : mModel.backend->largestBatch());
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

struct Engine::Batch
{
    std::int64_t length;
    std::int64_t height;
    std::int64_t width;
    std::vector<std::uint8_t> pixels;  // if they are on the host
    std::shared_ptr<void const> onGpu; // else
    std::vector<std::int64_t> extents;

    std::vector<Tensor> inputs() const
    {
        bool const isOnGpu = onGpu != nullptr;
        return {
            {"images", ElementType::kUInt8, Shape{length, height, width, kChannels},
                isOnGpu ? onGpu.get() : pixels.data(), isOnGpu},
            {"image_sizes", ElementType::kInt64, Shape{length, 2}, extents.data()},
        };
    }
};

Engine::Batch Engine::makeBatch(std::vector<ImageView> const& images,
    std::vector<PreparedSize> const& sizes, std::vector<std::size_t> const& indices,
    refinemask_memory memory) const
{
    PreparedSize const& one = sizes[indices.front()];
    std::int64_t const fixed = mModel.metadata.limits.batch;
    Batch batch{fixed > 0 ? fixed : static_cast<std::int64_t>(indices.size()), one.paddedHeight,
        one.paddedWidth, {}, nullptr, {}};
    std::vector<ImageView> chosen;
    std::vector<PreparedSize> chosenSizes;
    for (std::size_t const index : indices)
    {
        chosen.push_back(images[index]);
        chosenSizes.push_back(sizes[index]);
        batch.extents.insert(batch.extents.end(), {sizes[index].height, sizes[index].width});
    }
    // A fixed batch is filled up with black images.
    if (memory == REFINEMASK_MEMORY_GPU)
    {
        batch.onGpu = gpuImages().prepare(chosen, chosenSizes, batch.length);
    }
    else
    {
        std::int64_t const bytes = kChannels * batch.height * batch.width;
        batch.pixels.resize(static_cast<std::size_t>(batch.length * bytes));
        for (std::size_t i = 0; i < chosen.size(); ++i)
        {
            prepare(chosen[i], chosenSizes[i],
                batch.pixels.data() + static_cast<std::int64_t>(i) * bytes);
        }
    }
    while (batch.extents.size() < 2 * static_cast<std::size_t>(batch.length))
    {
        batch.extents.insert(batch.extents.end(), {one.height, one.width});
    }
    return batch;
}

GpuImages& Engine::gpuImages() const
{
    std::optional<int> const gpu = mModel.backend->gpu();
    if (!gpu)
    {
        raise(REFINEMASK_INVALID_ARGUMENT, mPath, " runs on the CPU, in ", mRuntime,
            ", which takes no images in memory of a GPU; open it with a device of CUDA, or give it "
            "pixels of the host without REFINEMASK_MEMORY_GPU");
    }
    std::lock_guard const lock(mMutex);
    if (!mGpuImages)
    {
        mGpuImages.emplace(*gpu);
    }
    return *mGpuImages;
}

void Engine::runBatch(std::vector<ImageView> const& images, std::vector<PreparedSize> const& sizes,
    std::vector<std::size_t> const& indices, PredictOptions const& options,
    std::vector<Owned<refinemask_detections>>& found) const
{
    options.stop.check();
    std::optional<Stopwatch> watch(options.times.preprocess);
    Batch const batch = makeBatch(images, sizes, indices, options.images);
    watch.emplace(options.times.inference);
    Outputs const outputs
        = mModel.backend->run(batch.inputs(), outputNames(mModel.metadata.form), options.stop);
    watch.emplace(options.times.postprocess);
    auto const split
        = splitOutputs(outputs, mModel.metadata, batch.length, batch.height, batch.width);
    for (std::size_t i = 0; i < indices.size(); ++i)
    {
        ImageView const& image = images[indices[i]];
        PreparedSize const& size = sizes[indices[i]];
        if (split[i].isTruncated)
        {
            warnTruncated();
        }
        found[indices[i]] = makeDetections(split[i],
            ImageScale{image.height, image.width, size.scaleX, size.scaleY},
            mModel.metadata.classNames, options.masks, options.scoreThreshold,
            options.maxDetections);
    }
}

Owned<refinemask_detections> Engine::segment(
    ImageView const& image, refinemask_boxes const& boxes, PredictOptions const& options) const
{
    require("masks");
    options.stop.check();
    std::optional<Stopwatch> watch(options.times.preprocess);
    PreparedSize const size = preparedSize(image);
    GivenBoxes const given = readBoxes(boxes, image.height, image.width, size,
        static_cast<std::int64_t>(mModel.metadata.classNames.size()));
    Batch const batch = makeBatch({image}, {size}, {0}, options.images);
    std::vector<Tensor> inputs = batch.inputs();
    inputs.push_back({"rois", ElementType::kFloat32, Shape{given.count(), 5}, given.rois.data()});
    inputs.push_back({"labels", ElementType::kInt64, Shape{given.count()}, given.labels.data()});
    watch.emplace(options.times.inference);
    Outputs const outputs = mModel.backend->run(inputs, {"masks"}, options.stop);
    watch.emplace(options.times.postprocess);
    RawDetections raw = givenMasks(outputs, given.count());
    std::int64_t const area = raw.maskSize * raw.maskSize;
    std::vector<float> masks(raw.masks, raw.masks + given.count() * area);
    for (std::size_t i = 0; i < given.labels.size(); ++i)
    {
        if (given.isEmpty(i))
        {
            std::fill_n(masks.begin() + static_cast<std::int64_t>(i) * area, area, 0.0F);
        }
    }
    raw.boxes = given.boxes.data();
    raw.scores = given.scores.data();
    raw.labels = given.labels.data();
    raw.masks = masks.data();
    return makeDetections(raw, ImageScale{image.height, image.width, 1.0F, 1.0F},
        mModel.metadata.classNames, options.masks, std::numeric_limits<float>::lowest(), -1);
}

void Engine::warmUp(ImageView const& image) const
{
    StopSignal const never(nullptr, std::nullopt);
    refinemask_times times{};
    PredictOptions const options{REFINEMASK_MASKS_NONE, 0.0F, 0, never, times};
    if (mModel.metadata.outputs == "masks")
    {
        float const corners[]
            = {0.0F, 0.0F, static_cast<float>(image.width), static_cast<float>(image.height)};
        std::int64_t const label = 0;
        segment(image, {1, corners, &label, nullptr}, options);
    }
    else
    {
        predict({image}, options);
    }
}

void Engine::require(char const* outputs) const
{
    if (mModel.metadata.outputs != outputs)
    {
        raise(REFINEMASK_INVALID_ARGUMENT, mPath,
            mModel.metadata.outputs == "masks"
                ? " takes the boxes of a detector and detects nothing "
                  "itself: use it with refinemask_segment()"
                : " detects objects and takes no boxes: use it with "
                  "refinemask_predict()",
            ", or export its model with --outputs ", outputs);
    }
}

void Engine::warnTruncated() const
{
    if (!mHasWarned.test_and_set())
    {
        log(REFINEMASK_LOG_WARNING, mPath,
            ": more boxes of an image passed the score threshold than the form static considers, "
            "and only the best of them were; this is said once. Artifacts of the other forms "
            "consider all");
    }
}

} // namespace refinemask::runtime
