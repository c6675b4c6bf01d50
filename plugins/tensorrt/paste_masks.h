// TensorRT plugin: masks resampled from their boxes into images.
#pragma once

#include "tensorrt/plugin.h"

namespace refinemask
{

//! Inputs: masks T (N, M, M), boxes float32 (N, 4); shape input: size int64 (2,), height and width.
//! Output: uint8 (N, height, width), 1 where the mask is at least the threshold.
class PasteMasksPlugin final : public Plugin<PasteMasksPlugin, PasteMasksAttributes>
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
