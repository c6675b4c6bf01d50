// An engine: one artifact in one runtime, from images to detections.
#pragma once

#include "image/image.h"
#include "image/prepare.h"
#include "runtime/detections.h"
#include "runtime/gpu_images.h"
#include "runtime/opening.h"

#include <atomic>
#include <mutex>
#include <optional>

namespace refinemask::runtime
{

//! How refinemask_predict() was asked to predict.
struct PredictOptions
{
    refinemask_mask_format masks;
    float scoreThreshold;
    std::int64_t maxDetections; //!< negative for all
    StopSignal const& stop;
    refinemask_times& times;                           //!< to which the times are added
    refinemask_memory images = REFINEMASK_MEMORY_HOST; //!< where their pixels are
};

//! Safe to use from several threads.
class Engine
{
public:
    //! Throws an Error, see openModel().
    Engine(std::string const& path, std::string const& runtime, BackendOptions const& options);

    refinemask_info const& info() const
    {
        return *mModel.info;
    }

    std::string const& runtime() const
    {
        return mRuntime;
    }

    //! Return how an image is resized and padded for the network.
    PreparedSize preparedSize(ImageView const& image) const;

    //! Write an image of these sizes as the network takes it: RGB, without gaps between rows.
    void prepare(ImageView const& image, PreparedSize const& size, std::uint8_t* target) const;

    //! Throw an Error unless the artifact returns such outputs: "detections" or "masks".
    void require(char const* outputs) const;

    //! Detect objects in images; those of equal padded size run as batches.
    std::vector<Owned<refinemask_detections>> predict(
        std::vector<ImageView> const& images, PredictOptions const& options) const;

    //! Predict the masks of given boxes in one image; all are kept.
    Owned<refinemask_detections> segment(
        ImageView const& image, refinemask_boxes const& boxes, PredictOptions const& options) const;

    //! Run the network on an image, with one box if it is given boxes, and drop what it returns.
    void warmUp(ImageView const& image) const;

private:
    //! Images of equal padded size as the network takes them.
    struct Batch;

    Batch makeBatch(std::vector<ImageView> const& images, std::vector<PreparedSize> const& sizes,
        std::vector<std::size_t> const& indices, refinemask_memory memory) const;

    //! What prepares images in memory of the GPU that the network runs on, made when it is first
    //! asked for. Throws an Error if the network runs on the CPU.
    GpuImages& gpuImages() const;

    //! Run images of equal padded size: those of some indices, in whose places detections are put.
    void runBatch(std::vector<ImageView> const& images, std::vector<PreparedSize> const& sizes,
        std::vector<std::size_t> const& indices, PredictOptions const& options,
        std::vector<Owned<refinemask_detections>>& found) const;

    void warnTruncated() const;

    PrepareOptions prepareOptions() const;

    std::string mPath;
    OpenedModel mModel;
    std::string mRuntime;
    mutable std::mutex mMutex; // of what follows
    mutable std::optional<GpuImages> mGpuImages;
    mutable std::atomic_flag mHasWarned = ATOMIC_FLAG_INIT;
};

} // namespace refinemask::runtime
