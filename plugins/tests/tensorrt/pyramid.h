// The MultiScaleRoIAlign plugin of a feature pyramid.
#pragma once

#include "operators/multiscale_roi_align.h"
#include "tests/tensorrt/plugin_life.h"

#include <vector>

namespace refinemask::test
{

//! A pyramid and what is pooled from it.
struct Pyramid
{
    std::int64_t batch = 2;
    std::int64_t channels = 3;
    std::vector<std::int64_t> strides{4, 8};
    std::int64_t height = 24; //!< of the finest level, the others are half of the one before
    std::int64_t width = 40;
    std::int64_t outputSize = 7;
    std::int64_t samplingRatio = 0;
    std::int64_t aligned = 1;
    std::int64_t epsilonAfterLog = 0;
    float finestScale = 10.F;

    std::vector<std::int64_t> shape(std::size_t level) const
    {
        return {batch, channels, height >> level, width >> level};
    }

    std::vector<std::int64_t> pooledShape(std::int64_t numRois) const
    {
        return {numRois, channels, outputSize, outputSize};
    }

    RoIAlignAttributes attributes() const
    {
        RoIAlignAttributes all;
        all.outputSize = outputSize;
        all.samplingRatio = samplingRatio;
        all.strides = strides;
        all.finestScale = finestScale;
        all.aligned = aligned;
        all.epsilonAfterLog = epsilonAfterLog;
        return all;
    }

    PluginPointer plugin() const
    {
        Fields fields;
        fields.integers("output_size", {outputSize}).integers("sampling_ratio", {samplingRatio});
        fields.integers("strides", strides).number("finest_scale", finestScale);
        fields.integers("aligned", {aligned}).integers("epsilon_after_log", {epsilonAfterLog});
        return create("MultiScaleRoIAlign", fields);
    }
};

} // namespace refinemask::test
