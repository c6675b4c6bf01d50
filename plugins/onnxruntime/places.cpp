#include "operators/places.h"

#include "cpu/conv_at_places.h"
#include "cpu/places.h"
#include "onnxruntime/operator.h"

#include <algorithm>

namespace refinemask
{

namespace
{

constexpr auto kInt64 = ONNX_TENSOR_ELEMENT_DATA_TYPE_INT64;

class NonZeroPlacesKernel : public KernelBase<NonZeroPlacesKernel>
{
public:
    explicit NonZeroPlacesKernel(AttributeReader const& /*reader*/)
    {
    }

    void compute(Ort::KernelContext const& context) const
    {
        auto const mask = input<float>(context, 0);
        NonZeroPlacesAttributes::checkShapes(mask.shape);
        auto const places = nonZeroPlaces(mask.data, mask.shape[0], mask.shape[1], mask.shape[2]);
        auto const count = static_cast<std::int64_t>(places.size());
        auto* rows = output<std::int64_t>(context, 0, {count, 3});
        for (Place const& place : places)
        {
            rows = std::copy(place.begin(), place.end(), rows);
        }
        *output<std::int64_t>(context, 1, {}) = count;
    }
};

class NonZeroPlacesOperator : public OperatorBase<NonZeroPlacesOperator, NonZeroPlacesKernel>
{
public:
    static constexpr char const* kName = NonZeroPlacesAttributes::kOperatorName;
    static constexpr ONNXTensorElementDataType kInputs[] = {kElementType<float>};
    static constexpr ONNXTensorElementDataType kOutputs[] = {kInt64, kInt64};

    static void infer(ShapeInference const& graph)
    {
        inferNonZeroPlaces(graph);
    }
};

template <typename T>
class GatherTilesKernel : public KernelBase<GatherTilesKernel<T>>
{
public:
    explicit GatherTilesKernel(AttributeReader const& reader)
        : mAttributes(readAttributes<GatherTilesAttributes>(reader))
    {
    }

    void compute(Ort::KernelContext const& context) const
    {
        auto const maps = input<Bits<T>>(context, 0);
        auto const places = input<std::int64_t>(context, 1);
        mAttributes.checkShapes(maps.shape, places.shape);
        gatherTiles(maps.data, mapsShape(maps.shape), places.data, places.shape[0],
            mAttributes.tile(),
            output<Bits<T>>(context, 0, mAttributes.outputShape(maps.shape, places.shape)),
            threadPool(context));
    }

private:
    GatherTilesAttributes mAttributes;
};

template <typename T>
class GatherTilesOperator : public OperatorBase<GatherTilesOperator<T>, GatherTilesKernel<T>>
{
public:
    static constexpr char const* kName = GatherTilesAttributes::kOperatorName;
    static constexpr ONNXTensorElementDataType kInputs[] = {kElementType<T>, kInt64};
    static constexpr ONNXTensorElementDataType kOutputs[] = {kElementType<T>};

    static void infer(ShapeInference const& graph)
    {
        inferGatherTiles(graph);
    }
};

template <typename T>
class ScatterTilesKernel : public KernelBase<ScatterTilesKernel<T>>
{
public:
    explicit ScatterTilesKernel(AttributeReader const& /*reader*/)
    {
    }

    void compute(Ort::KernelContext const& context) const
    {
        auto const tiles = input<Bits<T>>(context, 0);
        auto const places = input<std::int64_t>(context, 1);
        Shape const like = input<void>(context, 2).shape;
        ScatterTilesAttributes::checkShapes(tiles.shape, places.shape, like);
        Shape const shape = ScatterTilesAttributes::outputShape(tiles.shape, like);
        scatterTiles(tiles.data, ScatterTilesAttributes::tile(tiles.shape), places.data,
            places.shape[0], mapsShape(shape), output<Bits<T>>(context, 0, shape),
            threadPool(context));
    }
};

template <typename T>
class ScatterTilesOperator : public OperatorBase<ScatterTilesOperator<T>, ScatterTilesKernel<T>>
{
public:
    static constexpr char const* kName = ScatterTilesAttributes::kOperatorName;
    static constexpr ONNXTensorElementDataType kInputs[]
        = {kElementType<T>, kInt64, kElementType<T>};
    static constexpr ONNXTensorElementDataType kOutputs[] = {kElementType<T>};

    static void infer(ShapeInference const& graph)
    {
        inferScatterTiles(graph);
    }
};

template <typename T>
class ConvAtPlacesKernel : public KernelBase<ConvAtPlacesKernel<T>>
{
public:
    explicit ConvAtPlacesKernel(AttributeReader const& reader)
        : mAttributes(readAttributes<ConvAtPlacesAttributes>(reader))
    {
    }

    void compute(Ort::KernelContext const& context) const
    {
        auto const maps = input<T>(context, 0);
        auto const places = input<std::int64_t>(context, 1);
        auto const weight = input<T>(context, 2);
        auto const bias = input<T>(context, 3);
        mAttributes.checkShapes(maps.shape, places.shape, weight.shape, bias.shape);
        convAtPlaces(maps.data, mapsShape(maps.shape), places.data, places.shape[0],
            mAttributes.kernel(weight.shape), weight.data, bias.data,
            output<T>(context, 0, {places.shape[0], weight.shape[0]}), threadPool(context));
    }

private:
    ConvAtPlacesAttributes mAttributes;
};

template <typename T>
class ConvAtPlacesOperator : public OperatorBase<ConvAtPlacesOperator<T>, ConvAtPlacesKernel<T>>
{
public:
    static constexpr char const* kName = ConvAtPlacesAttributes::kOperatorName;
    static constexpr ONNXTensorElementDataType kInputs[]
        = {kElementType<T>, kInt64, kElementType<T>, kElementType<T>};
    static constexpr ONNXTensorElementDataType kOutputs[] = {kElementType<T>};

    static void infer(ShapeInference const& graph)
    {
        inferConvAtPlaces(graph);
    }
};

template <typename Operator>
void add(Ort::CustomOpDomain& domain)
{
    static Operator const only;
    domain.Add(&only);
}

} // namespace

void addPlaces(Ort::CustomOpDomain& domain)
{
    add<NonZeroPlacesOperator>(domain);
    add<GatherTilesOperator<float>>(domain);
    add<GatherTilesOperator<Half>>(domain);
    add<ScatterTilesOperator<float>>(domain);
    add<ScatterTilesOperator<Half>>(domain);
    add<ConvAtPlacesOperator<float>>(domain);
    add<ConvAtPlacesOperator<Half>>(domain);
}

} // namespace refinemask
