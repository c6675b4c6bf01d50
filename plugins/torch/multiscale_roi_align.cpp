#include "torch/multiscale_roi_align.h"

#include "cpu/multiscale_roi_align.h"

namespace refinemask
{

namespace
{

Tensor onCpu(Tensor rois, std::vector<Tensor> features, std::int64_t outputSize,
    std::vector<std::int64_t> strides, std::int64_t samplingRatio, double finestScale,
    std::int64_t aligned, std::int64_t epsilonAfterLog)
{
    RoIAlignInputs const inputs = roiAlignInputs(rois, features,
        {outputSize, samplingRatio, std::move(strides), static_cast<float>(finestScale), aligned,
            epsilonAfterLog},
        {ScalarType::Float, ScalarType::Half});
    Shape const map = shapeOf(inputs.features[0]);
    auto const* const boxes = static_cast<float const*>(inputs.rois.data_ptr());
    checkRois(boxes, inputs.pooled[0], map[0], inputs.params);
    Tensor const pooled = allocate(inputs.rois, inputs.pooled, inputs.features[0].scalar_type());
    withElements(inputs.features[0],
        [&](auto element)
        {
            using T = decltype(element);
            FeatureLevel<T> levels[kMaxLevels] = {};
            for (std::size_t level = 0; level < inputs.features.size(); ++level)
            {
                Tensor const& feature = inputs.features[level];
                levels[level].data = static_cast<T const*>(feature.data_ptr());
                levels[level].height = static_cast<int>(feature.size(2));
                levels[level].width = static_cast<int>(feature.size(3));
            }
            multiScaleRoIAlign(boxes, inputs.pooled[0], levels, map[0], map[1], inputs.params,
                static_cast<T*>(pooled.data_ptr()), inThreads);
        });
    return pooled;
}

} // namespace

RoIAlignInputs roiAlignInputs(Tensor const& rois, std::vector<Tensor> const& features,
    RoIAlignAttributes const& attributes, std::initializer_list<ScalarType> types)
{
    constexpr char const* kName = RoIAlignAttributes::kOperatorName;
    checked(attributes).checkLevels(static_cast<std::int64_t>(features.size()));
    requireType(kName, "rois", rois, {ScalarType::Float});
    requireType(kName, "features", features[0], types);
    RoIAlignInputs inputs{attributes.params(), torch::stable::contiguous(rois), {}, {}};
    std::vector<Shape> shapes;
    for (Tensor const& feature : features)
    {
        requireType(kName, "features", feature, {features[0].scalar_type()});
        requireSameDevice(kName, "a level", feature, rois);
        shapes.push_back(shapeOf(feature));
        inputs.features.push_back(torch::stable::contiguous(feature));
    }
    Shape const boxes = shapeOf(rois);
    attributes.checkShapes(boxes, shapes);
    inputs.pooled = {boxes[0], shapes[0][1], attributes.outputSize, attributes.outputSize};
    return inputs;
}

void addMultiScaleRoIAlign(TorchLibrary& schemas, TorchLibrary& cpu)
{
    schemas.def("multiscale_roi_align(Tensor rois, Tensor[] features, int output_size, "
                "int[] strides, int sampling_ratio, float finest_scale, int aligned, "
                "int epsilon_after_log) -> Tensor");
    cpu.impl("multiscale_roi_align", TORCH_BOX(&onCpu));
}

} // namespace refinemask
