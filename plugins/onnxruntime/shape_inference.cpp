#include "onnxruntime/shape_inference.h"

#include "operators/shape.h"

#include <atomic>

namespace refinemask
{

ShapeInference::ShapeInference(OrtShapeInferContext* context)
    : mContext(context)
{
    OrtApi const& api = Ort::GetApi();
    std::size_t count = 0;
    Ort::ThrowOnError(api.ShapeInferContext_GetInputCount(context, &count));
    for (std::size_t index = 0; index < count; ++index)
    {
        OrtTensorTypeAndShapeInfo* borrowed = nullptr;
        Ort::ThrowOnError(api.ShapeInferContext_GetInputTypeShape(context, index, &borrowed));
        Ort::detail::TensorTypeAndShapeInfoImpl<
            Ort::detail::Unowned<OrtTensorTypeAndShapeInfo>> const info(borrowed);
        Shape const lengths = info.GetShape();
        std::vector<char const*> names(lengths.size(), "");
        if (!names.empty())
        {
            info.GetSymbolicDimensions(names.data(), names.size());
        }
        Tensor tensor{info.GetElementType(), {}};
        for (std::size_t axis = 0; axis < lengths.size(); ++axis)
        {
            tensor.dimensions.push_back(
                Dimension{lengths[axis], names[axis] != nullptr ? names[axis] : ""});
        }
        mInputs.push_back(std::move(tensor));
    }
}

std::int64_t ShapeInference::integer(char const* name) const
{
    OrtApi const& api = Ort::GetApi();
    OrtOpAttr const* attribute = nullptr;
    Ort::Status const found(api.ShapeInferContext_GetAttribute(mContext, name, &attribute));
    if (!found.IsOK() || attribute == nullptr)
    {
        return -1;
    }
    std::int64_t value = -1;
    std::size_t size = 0;
    Ort::Status const read(
        api.ReadOpAttr(attribute, ORT_OP_ATTR_INT, &value, sizeof(value), &size));
    return read.IsOK() ? value : -1;
}

void ShapeInference::setOutput(std::size_t index, ONNXTensorElementDataType type,
    std::vector<Dimension> const& dimensions) const
{
    OrtApi const& api = Ort::GetApi();
    OrtTensorTypeAndShapeInfo* created = nullptr;
    Ort::ThrowOnError(api.CreateTensorTypeAndShapeInfo(&created));
    Ort::TensorTypeAndShapeInfo const info(created);
    Ort::ThrowOnError(api.SetTensorElementType(created, type));
    // ONNX Runtime takes a length without a name for a number, also -1, and what follows from it
    // fails; a name of several dimensions says that they are equal, so each gets its own.
    static std::atomic<std::uint64_t> unknown{0};
    Shape lengths;
    std::vector<std::string> texts;
    for (Dimension const& dimension : dimensions)
    {
        bool const named = dimension.length >= 0 || !dimension.name.empty();
        lengths.push_back(dimension.length);
        texts.push_back(named ? dimension.name : "refinemask_" + std::to_string(unknown++));
    }
    std::vector<char const*> names;
    for (std::string const& text : texts)
    {
        names.push_back(text.c_str());
    }
    Ort::ThrowOnError(api.SetDimensions(created, lengths.data(), lengths.size()));
    Ort::ThrowOnError(api.SetSymbolicDimensions(created, names.data(), names.size()));
    Ort::ThrowOnError(api.ShapeInferContext_SetOutputTypeShape(mContext, index, created));
}

void inferMultiScaleRoIAlign(ShapeInference const& graph)
{
    auto const size = ShapeInference::fixed(graph.integer("output_size"));
    graph.setOutput(0, graph.inputs().at(1).type,
        {graph.dimension(0, 2, 0), graph.dimension(1, 4, 1), size, size});
}

void inferBatchedNMS(ShapeInference const& graph)
{
    constexpr auto kInt64 = ONNX_TENSOR_ELEMENT_DATA_TYPE_INT64;
    graph.setOutput(0, kInt64, {ShapeInference::unknown(), ShapeInference::fixed(3)});
    graph.setOutput(1, kInt64, {});
}

void inferBoundaryRefine(ShapeInference const& graph)
{
    graph.setOutput(0, graph.inputs().at(1).type,
        {graph.dimension(1, 4, 0), ShapeInference::fixed(1), graph.dimension(1, 4, 2),
            graph.dimension(1, 4, 3)});
}

void inferPasteMasks(ShapeInference const& graph)
{
    graph.setOutput(0, ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT8,
        {graph.dimension(0, 3, 0), ShapeInference::unknown(), ShapeInference::unknown()});
}

void inferNonZeroPlaces(ShapeInference const& graph)
{
    constexpr auto kInt64 = ONNX_TENSOR_ELEMENT_DATA_TYPE_INT64;
    graph.setOutput(0, kInt64, {ShapeInference::unknown(), ShapeInference::fixed(3)});
    graph.setOutput(1, kInt64, {});
}

void inferGatherTiles(ShapeInference const& graph)
{
    std::int64_t const around = 2 * graph.integer("margin");
    graph.setOutput(0, graph.inputs().at(0).type,
        {graph.dimension(1, 2, 0), graph.dimension(0, 4, 1),
            ShapeInference::fixed(graph.integer("height") + around),
            ShapeInference::fixed(graph.integer("width") + around)});
}

void inferScatterTiles(ShapeInference const& graph)
{
    graph.setOutput(0, graph.inputs().at(0).type,
        {graph.dimension(2, 4, 0), graph.dimension(0, 4, 1), graph.dimension(2, 4, 2),
            graph.dimension(2, 4, 3)});
}

void inferConvAtPlaces(ShapeInference const& graph)
{
    graph.setOutput(
        0, graph.inputs().at(0).type, {graph.dimension(1, 2, 0), graph.dimension(2, 4, 0)});
}

} // namespace refinemask
