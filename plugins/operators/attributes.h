// What the nodes of the four operators say: each attribute described once, to visitors that read
// it from ONNX Runtime (onnxruntime/operator.h) or TensorRT (tensorrt/fields.h). Host only.
#pragma once

#include "kernels/batched_nms.h"
#include "kernels/multiscale_roi_align.h"

#include <limits>
#include <vector>

namespace refinemask
{

//! What an integer attribute may be.
struct IntegerRange
{
    std::int64_t lowest;
    std::int64_t highest;
};

//! What a number may be: above `lowest`, or also equal to it, and at most `highest`.
struct NumberRange
{
    float lowest;
    float highest;
    bool excludeLowest = false;

    bool contains(float value) const // not NaN
    {
        return value >= lowest && value <= highest && !(excludeLowest && value == lowest);
    }
};

constexpr std::int64_t kLargestSide = 1 << 12;   //!< of a pooled map
constexpr std::int64_t kLargestStride = 1 << 16; //!< of a pyramid level, in pixels
constexpr std::int64_t kLargestInt = std::numeric_limits<std::int32_t>::max();
constexpr float kLargestFloat = std::numeric_limits<float>::max();

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
        visitor.integer("output_size", outputSize, {1, kLargestSide});
        visitor.integer("sampling_ratio", samplingRatio, {0, kMaxSamples});
        visitor.ascendingIntegers("strides", strides, {1, kLargestStride}, {1, kMaxLevels});
        visitor.number("finest_scale", finestScale, {0.F, kLargestSideInPixels, true});
        visitor.integer("aligned", aligned, {0, 1});
        visitor.optionalInteger("epsilon_after_log", epsilonAfterLog, {0, 1});
    }

    RoIAlignParams params() const
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

private:
    static constexpr float kLargestSideInPixels = 1 << 20;
};

struct BatchedNMSAttributes
{
    static constexpr char const* kOperatorName = "BatchedNMS";

    float iouThreshold = 0.F;
    float scoreThreshold = 0.F;
    std::int64_t maxPerImage = 0;
    std::int64_t maxShifted = -1;
    std::int64_t firstShift = 0;

    template <typename Visitor>
    void visit(Visitor& visitor)
    {
        visitor.number("iou_threshold", iouThreshold, {0.F, 1.F});
        visitor.number("score_threshold", scoreThreshold, {-kLargestFloat, kLargestFloat});
        visitor.integer("max_per_image", maxPerImage, {1, kLargestInt});
        visitor.optionalInteger("max_shifted", maxShifted, {-1, kLargestInt});
        visitor.optionalInteger("first_shift", firstShift, {0, kLargestInt});
    }

    NmsParams params() const
    {
        return NmsParams{iouThreshold, scoreThreshold, maxPerImage, maxShifted, firstShift};
    }
};

struct BoundaryRefineAttributes
{
    static constexpr char const* kOperatorName = "BoundaryRefine";

    std::int64_t boundaryWidth = 0;

    template <typename Visitor>
    void visit(Visitor& visitor)
    {
        visitor.integer("boundary_width", boundaryWidth, {1, 64});
    }
};

struct PasteMasksAttributes
{
    static constexpr char const* kOperatorName = "PasteMasks";

    float threshold = 0.F;

    template <typename Visitor>
    void visit(Visitor& visitor)
    {
        visitor.number("threshold", threshold, {0.F, 1.F, true});
    }
};

} // namespace refinemask
