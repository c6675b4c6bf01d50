// TensorRT plugin: greedy non-maximum suppression of a batch, with as many rows as are kept.
#pragma once

#include "tensorrt/plugin.h"

namespace refinemask
{

//! Inputs: boxes float32 (B, K, 4) or (B, K, G, 4), scores float32 (B, K, G).
//! Outputs: selected int64 (N, 3) = image, box, group; num_selected int32 (), the size tensor,
//! which TensorRT's headers ask to be int32; ONNX has int64 there.
class BatchedNMSPlugin final : public Plugin<BatchedNMSPlugin, BatchedNMSAttributes>
{
public:
    static constexpr std::int32_t kNumOutputs = 2;

    using Plugin::Plugin;

protected:
    bool supportsType(std::int32_t position, DynamicTensorDesc const* tensors,
        std::int32_t numInputs, std::int32_t numOutputs) const override;
    void outputTypes(
        DataType const* inputs, std::int32_t numInputs, DataType* outputs) const override;
    void outputShapes(DimsExprs const* inputs, std::int32_t numInputs, DimsExprs const* shapeInputs,
        std::int32_t numShapeInputs, DimsExprs* outputs,
        nvinfer1::IExprBuilder& builder) const override;
    std::size_t workspaceSize(
        DynamicTensorDesc const* inputs, std::int32_t numInputs) const override;
    void checkShapes(
        TensorDesc const* inputs, std::int32_t numInputs, TensorDesc const* outputs) const override;
    cudaError_t launch(TensorDesc const* inputDescs, TensorDesc const* outputDescs,
        void const* const* inputs, void* const* outputs, void* workspace,
        cudaStream_t stream) const override;

private:
    static void requireInputs(std::int32_t numInputs);
};

} // namespace refinemask
