#include "cpu/paste_masks.h"
#include "onnxruntime/operator.h"

namespace refinemask
{

namespace
{

constexpr char const* kOperator = PasteMasksAttributes::kOperatorName;
constexpr std::int64_t kMaxMaskSize = 4096;
//! Pixels of an image's side, which float32 coordinates can still tell apart.
constexpr std::int64_t kMaxSide = 1 << 24;

template <typename T>
class PasteMasksKernel : public KernelBase<PasteMasksKernel<T>>
{
public:
    explicit PasteMasksKernel(AttributeReader const& reader)
        : mThreshold(readAttributes<PasteMasksAttributes>(reader).threshold)
    {
    }

    void compute(Ort::KernelContext const& context) const
    {
        auto const masks = input<T>(context, 0);
        auto const boxes = input<float>(context, 1);
        auto const size = input<std::int64_t>(context, 2);
        Shape const& shape = masks.shape;
        if (shape.size() != 3 || shape[1] != shape[2] || shape[1] < 1 || shape[1] > kMaxMaskSize)
        {
            fail(kOperator, "masks must have the shape (N, M, M), M from 1 to ", kMaxMaskSize,
                ", got ", toText(shape));
        }
        if (boxes.shape != Shape{shape[0], 4})
        {
            fail(kOperator, "boxes must have the shape ", toText({shape[0], 4}),
                " to go with masks ", toText(shape), ", got ", toText(boxes.shape));
        }
        if (size.shape != Shape{2})
        {
            fail(kOperator, "size must have the shape (2,), got ", toText(size.shape));
        }
        std::int64_t const height = size.data[0];
        std::int64_t const width = size.data[1];
        if (height < 0 || width < 0 || height > kMaxSide || width > kMaxSide)
        {
            fail(kOperator, "size must be a height and a width from 0 to ", kMaxSide, ", got ",
                toText({height, width}));
        }
        constexpr std::int64_t kMaxBytes = std::numeric_limits<std::int64_t>::max();
        if (height > 0 && width > 0 && shape[0] > kMaxBytes / (height * width))
        {
            fail(kOperator, "the output would not fit in memory: ", shape[0], " canvases of ",
                toText({height, width}));
        }
        auto* const canvases = output<std::uint8_t>(context, 0, {shape[0], height, width});
        pasteMasks(masks.data, boxes.data, shape[0], static_cast<int>(shape[1]), height, width,
            mThreshold, canvases, threadPool(context));
    }

private:
    float mThreshold;
};

template <typename T>
class PasteMasksOperator : public OperatorBase<PasteMasksOperator<T>, PasteMasksKernel<T>>
{
public:
    static constexpr char const* kName = kOperator;
    static constexpr ONNXTensorElementDataType kInputs[]
        = {kElementType<T>, kElementType<float>, ONNX_TENSOR_ELEMENT_DATA_TYPE_INT64};
    static constexpr ONNXTensorElementDataType kOutputs[] = {ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT8};

    static void infer(ShapeInference const& graph)
    {
        graph.setOutput(0, kOutputs[0],
            {graph.dimension(0, 3, 0), ShapeInference::unknown(), ShapeInference::unknown()});
    }
};

} // namespace

void addPasteMasks(Ort::CustomOpDomain& domain)
{
    static PasteMasksOperator<float> const single;
    static PasteMasksOperator<Half> const half;
    domain.Add(&single);
    domain.Add(&half);
}

} // namespace refinemask
