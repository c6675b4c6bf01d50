// TensorRT plugin: the boundary-aware refinement of mask logits.
#pragma once

#include "tensorrt/plugin.h"

namespace refinemask
{

//! Inputs: coarse_logits T (K, 1, s, s), fine_logits T (K, 1, 2s, 2s). Output: T as fine_logits.
class BoundaryRefinePlugin final : public Plugin<BoundaryRefinePlugin, BoundaryRefineAttributes>
{
public:
    static constexpr std::int32_t kNumOutputs = 1;

    using Plugin::Plugin;

protected:
    bool supportsType(std::int32_t position, DynamicTensorDesc const* tensors,
        std::int32_t numInputs, std::int32_t numOutputs) const override;
    void outputTypes(
        DataType const* inputs, std::int32_t numInputs, DataType* outputs) const override;
    void outputShapes(DimsExprs const* inputs, std::int32_t numInputs, DimsExprs const* shapeInputs,
        std::int32_t numShapeInputs, DimsExprs* outputs,
        nvinfer1::IExprBuilder& builder) const override;
    void checkShapes(
        TensorDesc const* inputs, std::int32_t numInputs, TensorDesc const* outputs) const override;
    cudaError_t launch(TensorDesc const* inputDescs, TensorDesc const* outputDescs,
        void const* const* inputs, void* const* outputs, void* workspace,
        cudaStream_t stream) const override;

private:
    static void requireInputs(std::int32_t numInputs);
};

} // namespace refinemask
