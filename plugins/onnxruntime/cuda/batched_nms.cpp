#include "cuda/batched_nms.h"

#include "onnxruntime/cuda/operator.h"
#include "operators/batched_nms.h"

namespace refinemask
{

namespace
{

constexpr char const* kOperatorName = BatchedNMSAttributes::kOperatorName;

class BatchedNMSKernel : public KernelBase<BatchedNMSKernel>
{
public:
    explicit BatchedNMSKernel(AttributeReader const& reader)
        : mAttributes(readAttributes<BatchedNMSAttributes>(reader))
    {
    }

    void compute(Ort::KernelContext const& context) const
    {
        auto const boxes = input<float>(context, 0);
        auto const scores = input<float>(context, 1);
        mAttributes.checkShapes(boxes.shape, scores.shape);
        std::int64_t const batch = scores.shape[0];
        std::int64_t const count = scores.shape[1];
        std::int64_t const groups = scores.shape[2];
        NmsParams const params = mAttributes.params();
        cudaStream_t const stream = streamOf(context);
        StreamMemory const workspace(
            kOperatorName, NmsWorkspace(batch, count, groups, params).size(), stream);
        // With room for a row even where there can be none.
        std::size_t const rows = batch * nmsLimit(count, groups, params) + 1;
        StreamMemory const selected(kOperatorName, rows * kRowBytes, stream);
        StreamMemory const numSelected(kOperatorName, sizeof(std::int32_t), stream);
        NmsLaunch const launch{boxes.data, scores.data, boxes.shape.size() == 4, batch, count,
            groups, params, workspace.as<void>(), selected.as<std::int64_t>(),
            numSelected.as<std::int32_t>()};
        requireSuccess(kOperatorName, launchBatchedNms(launch, stream));
        writeOutputs(context, launch, stream);
    }

private:
    static constexpr std::size_t kRowBytes = 3 * sizeof(std::int64_t);

    //! The one copy to the host: how many rows there are decides how large the output is.
    static void writeOutputs(
        Ort::KernelContext const& context, NmsLaunch const& launch, cudaStream_t stream)
    {
        std::int32_t found = 0;
        copy(&found, launch.numSelected, sizeof(found), cudaMemcpyDeviceToHost, stream);
        requireSuccess(kOperatorName, cudaStreamSynchronize(stream));
        std::int64_t const count = found;
        copy(output<std::int64_t>(context, 0, {count, 3}), launch.selected, count * kRowBytes,
            cudaMemcpyDeviceToDevice, stream);
        copy(output<std::int64_t>(context, 1, {}), &count, sizeof(count), cudaMemcpyHostToDevice,
            stream);
    }

    static void copy(void* target, void const* source, std::size_t bytes, cudaMemcpyKind kind,
        cudaStream_t stream)
    {
        if (bytes != 0)
        {
            requireSuccess(kOperatorName, cudaMemcpyAsync(target, source, bytes, kind, stream));
        }
    }

    BatchedNMSAttributes mAttributes;
};

class BatchedNMSOperator : public CudaOperatorBase<BatchedNMSOperator, BatchedNMSKernel>
{
public:
    static constexpr char const* kName = kOperatorName;
    static constexpr ONNXTensorElementDataType kInputs[]
        = {kElementType<float>, kElementType<float>};
    static constexpr ONNXTensorElementDataType kOutputs[]
        = {ONNX_TENSOR_ELEMENT_DATA_TYPE_INT64, ONNX_TENSOR_ELEMENT_DATA_TYPE_INT64};

    static void infer(ShapeInference const& graph)
    {
        inferBatchedNMS(graph);
    }
};

} // namespace

void addBatchedNMS(Ort::CustomOpDomain& domain)
{
    static BatchedNMSOperator const only;
    domain.Add(&only);
}

} // namespace refinemask
