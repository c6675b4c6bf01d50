#include "tensorrt/boundary_refine.h"

#include "cuda/boundary_refine.h"

namespace refinemask
{

namespace
{

constexpr std::int32_t kCoarse = 0;
constexpr std::int32_t kFine = 1;

} // namespace

void BoundaryRefinePlugin::requireInputs(std::int32_t numInputs)
{
    require(
        numInputs == 2, kName, "has two inputs, coarse_logits and fine_logits, not ", numInputs);
}

bool BoundaryRefinePlugin::supportsType(std::int32_t position, DynamicTensorDesc const* tensors,
    std::int32_t /*numInputs*/, std::int32_t /*numOutputs*/) const
{
    DataType const type = tensors[position].desc.type;
    return isElementType(type) && type == tensors[0].desc.type;
}

void BoundaryRefinePlugin::outputTypes(
    DataType const* inputs, std::int32_t numInputs, DataType* outputs) const
{
    requireInputs(numInputs);
    requireElementType(kName, "coarse_logits", inputs[kCoarse]);
    require(inputs[kFine] == inputs[kCoarse], kName, "fine_logits must be ",
        typeName(inputs[kCoarse]), " as coarse_logits, not ", typeName(inputs[kFine]));
    outputs[0] = inputs[kFine];
}

void BoundaryRefinePlugin::outputShapes(DimsExprs const* inputs, std::int32_t numInputs,
    DimsExprs const* /*shapeInputs*/, std::int32_t numShapeInputs, DimsExprs* outputs,
    nvinfer1::IExprBuilder& /*builder*/) const
{
    requireInputs(numInputs);
    require(numShapeInputs == 0, kName, "has no shape inputs, but ", numShapeInputs, " are given");
    for (std::int32_t i = 0; i < numInputs; ++i)
    {
        require(inputs[i].nbDims == 4, kName, i == kCoarse ? "coarse" : "fine",
            "_logits must have 4 dimensions, but have ", inputs[i].nbDims);
        require(mayBe(*inputs[i].d[1], 1) && mayBeEqual(*inputs[i].d[2], *inputs[i].d[3]), kName,
            i == kCoarse ? "coarse" : "fine", "_logits must be square maps of one channel, not ",
            toText(inputs[i]));
    }
    auto const& side = *inputs[kCoarse].d[2];
    bool const twice
        = !side.isConstant() || mayBe(*inputs[kFine].d[2], 2 * side.getConstantValue());
    require(twice && mayBeEqual(*inputs[kCoarse].d[0], *inputs[kFine].d[0]), kName,
        "logits must be (K, 1, s, s) and (K, 1, 2s, 2s), not ", toText(inputs[kCoarse]), " and ",
        toText(inputs[kFine]));
    outputs[0] = inputs[kFine];
}

void BoundaryRefinePlugin::checkShapes(
    TensorDesc const* inputs, std::int32_t numInputs, TensorDesc const* /*outputs*/) const
{
    requireInputs(numInputs);
    Dims const& coarse = inputs[kCoarse].dims;
    Dims const& fine = inputs[kFine].dims;
    bool const agree = coarse.nbDims == 4 && fine.nbDims == 4 && coarse.d[0] == fine.d[0]
        && coarse.d[1] == 1 && fine.d[1] == 1 && coarse.d[2] == coarse.d[3]
        && fine.d[2] == 2 * coarse.d[2] && fine.d[3] == 2 * coarse.d[3];
    require(agree, kName, "logits must be (K, 1, s, s) and (K, 1, 2s, 2s), not ", toText(coarse),
        " and ", toText(fine));
    require(coarse.d[2] >= 1 && coarse.d[2] <= kLargestCoarseSize, kName,
        "coarse_logits must have a side from 1 to ", kLargestCoarseSize, ", not ", coarse.d[2]);
}

cudaError_t BoundaryRefinePlugin::launch(TensorDesc const* inputDescs,
    TensorDesc const* /*outputDescs*/, void const* const* inputs, void* const* outputs,
    void* /*workspace*/, cudaStream_t stream) const
{
    Dims const& coarse = inputDescs[kCoarse].dims;
    BoundaryRefineLaunch launch{};
    launch.type = toElementType(inputDescs[kCoarse].type);
    launch.coarse = inputs[kCoarse];
    launch.fine = inputs[kFine];
    launch.count = coarse.d[0];
    launch.coarseSize = static_cast<int>(coarse.d[2]);
    launch.width = static_cast<int>(attributes().boundaryWidth);
    launch.output = outputs[0];
    return launchBoundaryRefine(launch, stream);
}

} // namespace refinemask
