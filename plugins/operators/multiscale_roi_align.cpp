#include "operators/multiscale_roi_align.h"

#include "operators/errors.h"

#include <algorithm>

namespace refinemask
{

namespace
{

constexpr char const* kName = RoIAlignAttributes::kOperatorName;

void checkFeature(Shape const& shape, Shape const& first, std::size_t level, bool needsCells)
{
    if (shape.size() != 4)
    {
        fail(kName, "the features of level ", level, " must have the shape (B, C, H, W), got ",
            toText(shape));
    }
    if (!mayEqual(shape[0], first[0]) || !mayEqual(shape[1], first[1]))
    {
        fail(kName, "all levels must have as many images and channels as level 0, ", toText(first),
            "; got ", toText(shape), " for level ", level);
    }
    std::int64_t const height = shape[2];
    std::int64_t const width = shape[3];
    bool const isEmpty = height == 0 || width == 0;
    if ((isEmpty && needsCells) || height > kLargestSide || width > kLargestSide
        || height * width > kLargestCells)
    {
        fail(kName, "the features of level ", level, " must have 1 to ", kLargestSide,
            " rows and columns, and at most ", kLargestCells, " cells, got ", toText(shape));
    }
}

void checkOutput(std::int64_t rois, std::int64_t perRoi)
{
    constexpr std::int64_t kMostValues = std::numeric_limits<std::int64_t>::max() / sizeof(float);
    if (rois > 0 && perRoi > 0 && rois > kMostValues / perRoi)
    {
        fail(kName, "the output would not fit in memory: ", rois, " RoIs of ", perRoi, " values");
    }
}

void checkRoi(float const* roi, std::int64_t index, std::int64_t batch)
{
    for (int i = 0; i < 5; ++i)
    {
        if (!std::isfinite(roi[i]))
        {
            fail(kName, "rois must be finite, got ", roi[i], " in row ", index, ", column ", i);
        }
    }
    if (roi[0] != std::floor(roi[0]) || roi[0] < 0.F || roi[0] >= static_cast<float>(batch))
    {
        fail(kName, "the image index of a RoI must be an integer from 0 to ", batch - 1,
            " (the features hold ", batch, " images), got ", roi[0], " in row ", index);
    }
}

} // namespace

RoIAlignParams RoIAlignAttributes::params() const
{
    RoIAlignParams params{};
    params.outputSize = static_cast<int>(outputSize);
    params.samplingRatio = static_cast<int>(samplingRatio);
    params.numLevels = static_cast<int>(strides.size());
    params.aligned = aligned != 0;
    for (int level = 0; level < params.numLevels; ++level)
    {
        params.spatialScale[level] = 1.F / static_cast<float>(strides[level]);
        params.smallestSide[level]
            = level > 0 ? smallestSide(level, finestScale, epsilonAfterLog != 0) : 0.F;
    }
    return params;
}

void RoIAlignAttributes::checkLevels(std::int64_t numFeatures) const
{
    if (numFeatures != static_cast<std::int64_t>(strides.size()))
    {
        fail(kName, "needs one feature map for each of the ", strides.size(), " strides ",
            toText(strides), ", got ", numFeatures);
    }
}

void RoIAlignAttributes::checkShapes(Shape const& rois, std::vector<Shape> const& features) const
{
    if (rois.size() != 2 || !mayEqual(rois[1], 5))
    {
        fail(kName, "rois must have the shape (K, 5), got ", toText(rois));
    }
    checkLevels(static_cast<std::int64_t>(features.size()));
    for (std::size_t level = 0; level < features.size(); ++level)
    {
        checkFeature(features[level], features[0], level, rois[0] > 0);
    }
    requireAtMost(kName, "RoIs", rois[0], kLargestCount);
    requireAtMost(kName, "images", features[0][0], kLargestSide);
    requireAtMost(kName, "channels", features[0][1], kLargestChannels);
    checkOutput(rois[0], features[0][1] * outputSize * outputSize);
}

void checkRois(
    float const* rois, std::int64_t numRois, std::int64_t batch, RoIAlignParams const& params)
{
    for (std::int64_t index = 0; index < numRois; ++index)
    {
        float const* const roi = rois + index * 5;
        checkRoi(roi, index, batch);
        if (params.samplingRatio == 0)
        {
            float const scale = params.spatialScale[assignLevel(roi + 1, params)];
            float const largest = std::max(axisSamples(roi[1], roi[3], scale, params).binSize,
                axisSamples(roi[2], roi[4], scale, params).binSize);
            if (largest > static_cast<float>(kMaxSamples))
            {
                fail(kName, "the RoI in row ", index, " (", roi[1], ", ", roi[2], ", ", roi[3],
                    ", ", roi[4], ") is too large: a bin would take more than ", kMaxSamples,
                    " samples along an axis; clip the RoIs to the image");
            }
        }
    }
}

} // namespace refinemask
