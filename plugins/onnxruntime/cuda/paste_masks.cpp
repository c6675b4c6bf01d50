#include "cuda/paste_masks.h"

#include "onnxruntime/cuda/operator.h"
#include "operators/paste_masks.h"

namespace refinemask
{

namespace
{

template <ONNXTensorElementDataType kType>
class PasteMasksKernel : public KernelBase<PasteMasksKernel<kType>>
{
public:
    explicit PasteMasksKernel(AttributeReader const& reader)
        : mThreshold(readAttributes<PasteMasksAttributes>(reader).threshold)
    {
    }

    void compute(Ort::KernelContext const& context) const
    {
        auto const masks = input<void>(context, 0);
        auto const boxes = input<float>(context, 1);
        auto const size = input<std::int64_t>(context, 2);
        PasteMasksAttributes::checkShapes(masks.shape, boxes.shape);
        PasteMasksAttributes::checkSize(size.shape);
        std::int64_t const count = masks.shape[0];
        std::int64_t const height = size.data[0];
        std::int64_t const width = size.data[1];
        PasteMasksAttributes::checkCanvases(count, height, width);
        PasteMasksLaunch const launch{toElementType(kType), masks.data, boxes.data, count,
            static_cast<int>(masks.shape[1]), height, width, mThreshold,
            output<std::uint8_t>(context, 0, {count, height, width})};
        requireSuccess(
            PasteMasksAttributes::kOperatorName, launchPasteMasks(launch, streamOf(context)));
    }

private:
    float mThreshold;
};

template <ONNXTensorElementDataType kType>
class PasteMasksOperator
    : public CudaOperatorBase<PasteMasksOperator<kType>, PasteMasksKernel<kType>>
{
public:
    static constexpr char const* kName = PasteMasksAttributes::kOperatorName;
    static constexpr ONNXTensorElementDataType kInputs[]
        = {kType, kElementType<float>, ONNX_TENSOR_ELEMENT_DATA_TYPE_INT64};
    static constexpr ONNXTensorElementDataType kOutputs[] = {ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT8};

    //! The size decides how large the output is, so it stays on the host.
    OrtMemType GetInputMemoryType(std::size_t index) const
    {
        return index == 2 ? OrtMemTypeCPUInput : OrtMemTypeDefault;
    }

    static void infer(ShapeInference const& graph)
    {
        inferPasteMasks(graph);
    }
};

} // namespace

void addPasteMasks(Ort::CustomOpDomain& domain)
{
    static PasteMasksOperator<kElementType<float>> const single;
    static PasteMasksOperator<kElementType<Half>> const half;
    static PasteMasksOperator<ONNX_TENSOR_ELEMENT_DATA_TYPE_BFLOAT16> const brain;
    domain.Add(&single);
    domain.Add(&half);
    domain.Add(&brain);
}

} // namespace refinemask
