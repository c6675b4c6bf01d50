// TensorRT plugin: RoIAlign over the levels of a feature pyramid.
#pragma once

#include "tensorrt/plugin.h"

namespace refinemask
{

//! Inputs: rois float32 (K, 5), then a T (B, C, H, W) for each stride. Output: T (K, C, S, S).
//! Features and output are linear, or all of them channels last.
class MultiScaleRoIAlignPlugin final : public Plugin<MultiScaleRoIAlignPlugin, RoIAlignAttributes>
{
public:
    static constexpr std::int32_t kNumOutputs = 1;

    explicit MultiScaleRoIAlignPlugin(RoIAlignAttributes attributes)
        : Plugin(std::move(attributes))
        , mParams(this->attributes().params())
    {
    }

protected:
    bool supportsType(std::int32_t position, DynamicTensorDesc const* tensors,
        std::int32_t numInputs, std::int32_t numOutputs) const override;
    bool supportsFormat(std::int32_t position, DynamicTensorDesc const* tensors) const override;
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
    void requireInputs(std::int32_t numInputs) const;

    RoIAlignParams mParams;
};

} // namespace refinemask
