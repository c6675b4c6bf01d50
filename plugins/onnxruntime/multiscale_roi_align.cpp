#include "cpu/multiscale_roi_align.h"
#include "onnxruntime/operator.h"

#include <algorithm>
#include <cmath>

namespace refinemask
{

namespace
{

constexpr char const* kOperator = RoIAlignAttributes::kOperatorName;
//! Cells of a map's side, which float32 coordinates can still tell apart.
constexpr std::int64_t kMaxSide = 1 << 24;

RoIAlignParams readParams(AttributeReader const& reader)
{
    auto const attributes = readAttributes<RoIAlignAttributes>(reader);
    if (reader.inputCount() != attributes.strides.size() + 1)
    {
        fail(kOperator, "needs one feature map for each of the ", attributes.strides.size(),
            " strides ", toText(attributes.strides), ", got ", reader.inputCount() - 1);
    }
    return attributes.params();
}

//! RoIs that the kernel cannot pool are errors: it would leave them 0, or read beyond the maps.
void checkRois(Input<float> const& rois, std::int64_t batch, RoIAlignParams const& params)
{
    for (std::int64_t index = 0; index < rois.shape[0]; ++index)
    {
        float const* const roi = rois.data + index * 5;
        for (int i = 0; i < 5; ++i)
        {
            if (!std::isfinite(roi[i]))
            {
                fail(kOperator, "rois must be finite, got ", roi[i], " in row ", index, ", column ",
                    i);
            }
        }
        if (roi[0] != std::floor(roi[0]) || roi[0] < 0.F || roi[0] >= static_cast<float>(batch))
        {
            fail(kOperator, "the image index of a RoI must be an integer from 0 to ", batch - 1,
                " (the features hold ", batch, " images), got ", roi[0], " in row ", index);
        }
        if (params.samplingRatio == 0)
        {
            float const scale = params.spatialScale[assignLevel(roi + 1, params)];
            float const largest = std::max(axisSamples(roi[1], roi[3], scale, params).binSize,
                axisSamples(roi[2], roi[4], scale, params).binSize);
            if (largest > static_cast<float>(kMaxSamples))
            {
                fail(kOperator, "the RoI in row ", index, " (", roi[1], ", ", roi[2], ", ", roi[3],
                    ", ", roi[4], ") is too large: a bin would take more than ", kMaxSamples,
                    " samples along an axis; clip the RoIs to the image");
            }
        }
    }
}

template <typename T>
class MultiScaleRoIAlignKernel : public KernelBase<MultiScaleRoIAlignKernel<T>>
{
public:
    explicit MultiScaleRoIAlignKernel(AttributeReader const& reader)
        : mParams(readParams(reader))
    {
    }

    void compute(Ort::KernelContext const& context) const
    {
        auto const rois = input<float>(context, 0);
        if (rois.shape.size() != 2 || rois.shape[1] != 5)
        {
            fail(kOperator, "rois must have the shape (K, 5), got ", toText(rois.shape));
        }
        FeatureLevel<T> levels[kMaxLevels] = {};
        Shape const first = input<T>(context, 1).shape;
        for (int level = 0; level < mParams.numLevels; ++level)
        {
            auto const feature = input<T>(context, static_cast<std::size_t>(level) + 1);
            checkFeature(feature.shape, first, level, rois.shape[0]);
            levels[level] = FeatureLevel<T>{feature.data, static_cast<int>(feature.shape[2]),
                static_cast<int>(feature.shape[3])};
        }
        checkRois(rois, first[0], mParams);
        std::int64_t const size = mParams.outputSize;
        T* const pooled = output<T>(context, 0, {rois.shape[0], first[1], size, size});
        multiScaleRoIAlign(rois.data, rois.shape[0], levels, first[0], first[1], mParams, pooled,
            threadPool(context));
    }

private:
    static void checkFeature(
        Shape const& shape, Shape const& first, int level, std::int64_t numRois)
    {
        if (shape.size() != 4)
        {
            fail(kOperator, "the features of level ", level,
                " must have the shape (B, C, H, W), got ", toText(shape));
        }
        if (shape[0] != first[0] || shape[1] != first[1])
        {
            fail(kOperator, "all levels must have as many images and channels as level 0, ",
                toText(first), "; got ", toText(shape), " for level ", level);
        }
        bool const empty = shape[2] == 0 || shape[3] == 0;
        if ((empty && numRois > 0) || shape[2] > kMaxSide || shape[3] > kMaxSide)
        {
            fail(kOperator, "the features of level ", level, " must have 1 to ", kMaxSide,
                " rows and columns, got ", toText(shape));
        }
    }

    RoIAlignParams mParams;
};

template <typename T>
class MultiScaleRoIAlignOperator
    : public OperatorBase<MultiScaleRoIAlignOperator<T>, MultiScaleRoIAlignKernel<T>>
{
public:
    static constexpr char const* kName = kOperator;
    static constexpr ONNXTensorElementDataType kInputs[] = {kElementType<float>, kElementType<T>};
    static constexpr ONNXTensorElementDataType kOutputs[] = {kElementType<T>};

    OrtCustomOpInputOutputCharacteristic GetInputCharacteristic(std::size_t index) const
    {
        return index == 0 ? INPUT_OUTPUT_REQUIRED : INPUT_OUTPUT_VARIADIC;
    }

    static void infer(ShapeInference const& graph)
    {
        auto const size = ShapeInference::fixed(graph.integer("output_size"));
        graph.setOutput(0, graph.inputs().at(1).type,
            {graph.dimension(0, 2, 0), graph.dimension(1, 4, 1), size, size});
    }
};

} // namespace

void addMultiScaleRoIAlign(Ort::CustomOpDomain& domain)
{
    static MultiScaleRoIAlignOperator<float> const single;
    static MultiScaleRoIAlignOperator<Half> const half;
    domain.Add(&single);
    domain.Add(&half);
}

} // namespace refinemask
