// An engine: one artifact in one runtime, from images to detections.
#pragma once

#include "image/image.h"
#include "image/prepare.h"
#include "runtime/backend.h"
#include "runtime/block.h"
#include "runtime/detections.h"

namespace refinemask::runtime
{

//! How refinemask_predict() was asked to predict.
struct PredictOptions
{
    refinemask_mask_format masks;
    float scoreThreshold;
    std::int64_t maxDetections; //!< negative for all
    StopSignal const& stop;
    refinemask_times& times; //!< to which the times are added
};

//! Return what an artifact is as a block of the C interface.
Owned<refinemask_info> makeInfo(Artifact const& artifact);

//! Safe to use from several threads.
class Engine
{
public:
    //! Throws an Error, see openArtifact() and backend.h.
    Engine(std::string const& path, std::string const& runtime, BackendOptions const& options);

    refinemask_info const& info() const
    {
        return *mInfo;
    }

    std::string const& runtime() const
    {
        return mRuntime;
    }

    //! Return how an image is resized and padded for the network.
    PreparedSize preparedSize(ImageView const& image) const;

    //! Write an image of these sizes as the network takes it: RGB, without gaps between rows.
    void prepare(ImageView const& image, PreparedSize const& size, std::uint8_t* target) const;

    //! Detect objects in images; those of equal padded size run as batches.
    std::vector<Owned<refinemask_detections>> predict(
        std::vector<ImageView> const& images, PredictOptions const& options) const;

private:
    //! Run images of equal padded size: those of some indices, in whose places detections are put.
    void runBatch(std::vector<ImageView> const& images, std::vector<PreparedSize> const& sizes,
        std::vector<std::size_t> const& indices, PredictOptions const& options,
        std::vector<Owned<refinemask_detections>>& found) const;

    PrepareOptions prepareOptions() const;

    Metadata mMetadata;
    Owned<refinemask_info> mInfo;
    std::unique_ptr<Backend> mBackend;
    std::string mRuntime;
};

} // namespace refinemask::runtime
