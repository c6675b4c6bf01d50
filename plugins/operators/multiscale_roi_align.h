// Attributes and limits of MultiScaleRoIAlign.
#pragma once

#include "kernels/multiscale_roi_align.h"
#include "operators/attribute.h"
#include "operators/shape.h"

namespace refinemask
{

constexpr std::int64_t kLargestStride = 1 << 16;      //!< of a pyramid level, in pixels
constexpr float kLargestFinestScale = 1 << 20;        //!< in pixels
constexpr std::int64_t kLargestChannels = 1 << 20;    //!< of the features
constexpr std::int64_t kLargestCells = kLargestCount; //!< of the map of a level
//! Of the pooled map, and samples per bin and axis that can be asked for: as in the reference,
//! where the samples of all bins of a RoI are counted with 32 bits.
constexpr std::int64_t kLargestOutputSize = 512;
constexpr std::int64_t kLargestSamplingRatio = 64;

struct RoIAlignAttributes
{
    static constexpr char const* kOperatorName = "MultiScaleRoIAlign";

    std::int64_t outputSize = 0;
    std::int64_t samplingRatio = 0;
    std::vector<std::int64_t> strides;
    float finestScale = 0.F;
    std::int64_t aligned = 1;
    std::int64_t epsilonAfterLog = 0;

    template <typename Visitor>
    void visit(Visitor& visitor)
    {
        visitor.integer("output_size", outputSize, {1, kLargestOutputSize});
        visitor.integer("sampling_ratio", samplingRatio, {0, kLargestSamplingRatio});
        visitor.ascendingIntegers("strides", strides, {1, kLargestStride}, {1, kMaxLevels});
        visitor.number("finest_scale", finestScale, {0.F, kLargestFinestScale, true});
        visitor.integer("aligned", aligned, {0, 1});
        visitor.optionalInteger("epsilon_after_log", epsilonAfterLog, {0, 1});
    }

    RoIAlignParams params() const;

    //! Throw std::invalid_argument unless there is one feature map for each stride.
    void checkLevels(std::int64_t numFeatures) const;

    //! Throw std::invalid_argument unless RoIs (K, 5) and features, one for each stride, have
    //! shapes that go together. Maps may be empty where there are no RoIs.
    void checkShapes(Shape const& rois, std::vector<Shape> const& features) const;
};

//! Throw std::invalid_argument for the first RoI that cannot be pooled from `batch` images: one
//! that is not finite, of another image, or so large that a bin takes more than kMaxSamples samples
//! along an axis. Hosts whose RoIs are on a GPU cannot ask; kernels pool such a RoI to 0.
void checkRois(
    float const* rois, std::int64_t numRois, std::int64_t batch, RoIAlignParams const& params);

} // namespace refinemask
