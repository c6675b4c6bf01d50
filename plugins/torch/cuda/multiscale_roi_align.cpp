#include "torch/multiscale_roi_align.h"

#include "cuda/multiscale_roi_align.h"
#include "torch/cuda/operator.h"

namespace refinemask
{

namespace
{

//! RoIs that other hosts refuse are pooled to 0: their values are on the device.
Tensor onCuda(Tensor rois, std::vector<Tensor> features, std::int64_t outputSize,
    std::vector<std::int64_t> strides, std::int64_t samplingRatio, double finestScale,
    std::int64_t aligned, std::int64_t epsilonAfterLog)
{
    DeviceOf const device(rois);
    RoIAlignInputs const inputs = roiAlignInputs(rois, features,
        {outputSize, samplingRatio, std::move(strides), static_cast<float>(finestScale), aligned,
            epsilonAfterLog},
        kCudaTypes);
    Tensor const& finest = inputs.features[0];
    Tensor const pooled = allocate(inputs.rois, inputs.pooled, finest.scalar_type());
    RoIAlignLaunch launch{};
    launch.type = elementType(finest);
    launch.rois = static_cast<float const*>(inputs.rois.data_ptr());
    launch.numRois = inputs.pooled[0];
    for (std::size_t level = 0; level < inputs.features.size(); ++level)
    {
        Tensor const& feature = inputs.features[level];
        launch.levels[level] = FeatureMap{feature.data_ptr(), static_cast<int>(feature.size(2)),
            static_cast<int>(feature.size(3))};
    }
    launch.batch = static_cast<int>(finest.size(0));
    launch.channels = static_cast<int>(finest.size(1));
    launch.params = inputs.params;
    launch.output = pooled.data_ptr();
    requireSuccess(
        RoIAlignAttributes::kOperatorName, launchMultiScaleRoIAlign(launch, currentStream(rois)));
    return pooled;
}

} // namespace

void addCudaMultiScaleRoIAlign(TorchLibrary& cuda)
{
    cuda.impl("multiscale_roi_align", TORCH_BOX(&onCuda));
}

} // namespace refinemask
