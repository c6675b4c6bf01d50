#include "operators/places.h"

#include "cuda/conv_at_places.h"
#include "cuda/places.h"
#include "onnxruntime/cuda/operator.h"

#include <algorithm>

namespace refinemask
{

namespace
{

constexpr auto kInt64 = ONNX_TENSOR_ELEMENT_DATA_TYPE_INT64;
constexpr auto kBfloat16 = ONNX_TENSOR_ELEMENT_DATA_TYPE_BFLOAT16;

class NonZeroPlacesKernel : public KernelBase<NonZeroPlacesKernel>
{
public:
    explicit NonZeroPlacesKernel(AttributeReader const& /*reader*/)
    {
    }

    void compute(Ort::KernelContext const& context) const
    {
        constexpr char const* kName = NonZeroPlacesAttributes::kOperatorName;
        auto const mask = input<float>(context, 0);
        NonZeroPlacesAttributes::checkShapes(mask.shape);
        std::int64_t const total = mask.shape[0] * mask.shape[1] * mask.shape[2];
        cudaStream_t const stream = streamOf(context);
        // With room for something even where there can be nothing.
        StreamMemory const workspace(kName, placesWorkspace(total) + 1, stream);
        StreamMemory const places(kName, (total + 1) * kRowBytes, stream);
        StreamMemory const numPlaces(kName, sizeof(std::int32_t), stream);
        NonZeroPlacesLaunch const launch{mask.data, mask.shape[1], mask.shape[2], total,
            workspace.as<void>(), places.as<std::int64_t>(), numPlaces.as<std::int32_t>()};
        requireSuccess(kName, launchNonZeroPlaces(launch, stream));
        std::int64_t const count = countOf(launch, stream);
        auto* const rows = output<std::int64_t>(context, 0, {count, 3});
        auto* const number = output<std::int64_t>(context, 1, {});
        requireSuccess(kName,
            cudaMemcpyAsync(
                rows, launch.places, count * kRowBytes, cudaMemcpyDeviceToDevice, stream));
        requireSuccess(
            kName, cudaMemcpyAsync(number, &count, sizeof(count), cudaMemcpyHostToDevice, stream));
    }

private:
    static constexpr std::size_t kRowBytes = 3 * sizeof(std::int64_t);

    //! The one copy to the host: how many places there are decides how large the output is.
    static std::int64_t countOf(NonZeroPlacesLaunch const& launch, cudaStream_t stream)
    {
        constexpr char const* kName = NonZeroPlacesAttributes::kOperatorName;
        std::int32_t found = 0;
        requireSuccess(kName,
            cudaMemcpyAsync(
                &found, launch.numPlaces, sizeof(found), cudaMemcpyDeviceToHost, stream));
        requireSuccess(kName, cudaStreamSynchronize(stream));
        return found;
    }
};

class NonZeroPlacesOperator : public CudaOperatorBase<NonZeroPlacesOperator, NonZeroPlacesKernel>
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

template <ONNXTensorElementDataType kType>
class GatherTilesKernel : public KernelBase<GatherTilesKernel<kType>>
{
public:
    explicit GatherTilesKernel(AttributeReader const& reader)
        : mAttributes(readAttributes<GatherTilesAttributes>(reader))
    {
    }

    void compute(Ort::KernelContext const& context) const
    {
        auto const maps = input<void>(context, 0);
        auto const places = input<std::int64_t>(context, 1);
        mAttributes.checkShapes(maps.shape, places.shape);
        GatherTilesLaunch const launch{toElementType(kType), maps.data, mapsShape(maps.shape),
            places.data, places.shape[0], mAttributes.tile(),
            output<void>(context, 0, mAttributes.outputShape(maps.shape, places.shape))};
        requireSuccess(
            GatherTilesAttributes::kOperatorName, launchGatherTiles(launch, streamOf(context)));
    }

private:
    GatherTilesAttributes mAttributes;
};

template <ONNXTensorElementDataType kType>
class GatherTilesOperator
    : public CudaOperatorBase<GatherTilesOperator<kType>, GatherTilesKernel<kType>>
{
public:
    static constexpr char const* kName = GatherTilesAttributes::kOperatorName;
    static constexpr ONNXTensorElementDataType kInputs[] = {kType, kInt64};
    static constexpr ONNXTensorElementDataType kOutputs[] = {kType};

    static void infer(ShapeInference const& graph)
    {
        inferGatherTiles(graph);
    }
};

template <ONNXTensorElementDataType kType>
class ScatterTilesKernel : public KernelBase<ScatterTilesKernel<kType>>
{
public:
    explicit ScatterTilesKernel(AttributeReader const& /*reader*/)
    {
    }

    void compute(Ort::KernelContext const& context) const
    {
        auto const tiles = input<void>(context, 0);
        auto const places = input<std::int64_t>(context, 1);
        Shape const like = input<void>(context, 2).shape;
        ScatterTilesAttributes::checkShapes(tiles.shape, places.shape, like);
        Shape const shape = ScatterTilesAttributes::outputShape(tiles.shape, like);
        ScatterTilesLaunch const launch{toElementType(kType), tiles.data,
            ScatterTilesAttributes::tile(tiles.shape), places.data, places.shape[0],
            mapsShape(shape), output<void>(context, 0, shape)};
        requireSuccess(
            ScatterTilesAttributes::kOperatorName, launchScatterTiles(launch, streamOf(context)));
    }
};

template <ONNXTensorElementDataType kType>
class ScatterTilesOperator
    : public CudaOperatorBase<ScatterTilesOperator<kType>, ScatterTilesKernel<kType>>
{
public:
    static constexpr char const* kName = ScatterTilesAttributes::kOperatorName;
    static constexpr ONNXTensorElementDataType kInputs[] = {kType, kInt64, kType};
    static constexpr ONNXTensorElementDataType kOutputs[] = {kType};

    static void infer(ShapeInference const& graph)
    {
        inferScatterTiles(graph);
    }
};

template <ONNXTensorElementDataType kType>
class ConvAtPlacesKernel : public KernelBase<ConvAtPlacesKernel<kType>>
{
public:
    explicit ConvAtPlacesKernel(AttributeReader const& reader)
        : mAttributes(readAttributes<ConvAtPlacesAttributes>(reader))
    {
    }

    void compute(Ort::KernelContext const& context) const
    {
        auto const maps = input<void>(context, 0);
        auto const places = input<std::int64_t>(context, 1);
        auto const weight = input<void>(context, 2);
        auto const bias = input<void>(context, 3);
        mAttributes.checkShapes(maps.shape, places.shape, weight.shape, bias.shape);
        ConvAtPlacesLaunch const launch{toElementType(kType), maps.data, mapsShape(maps.shape),
            places.data, places.shape[0], mAttributes.kernel(weight.shape), weight.data, bias.data,
            output<void>(context, 0, {places.shape[0], weight.shape[0]})};
        requireSuccess(
            ConvAtPlacesAttributes::kOperatorName, launchConvAtPlaces(launch, streamOf(context)));
    }

private:
    ConvAtPlacesAttributes mAttributes;
};

template <ONNXTensorElementDataType kType>
class ConvAtPlacesOperator
    : public CudaOperatorBase<ConvAtPlacesOperator<kType>, ConvAtPlacesKernel<kType>>
{
public:
    static constexpr char const* kName = ConvAtPlacesAttributes::kOperatorName;
    static constexpr ONNXTensorElementDataType kInputs[] = {kType, kInt64, kType, kType};
    static constexpr ONNXTensorElementDataType kOutputs[] = {kType};

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

template <template <ONNXTensorElementDataType> typename Operator>
void addEachType(Ort::CustomOpDomain& domain)
{
    add<Operator<kElementType<float>>>(domain);
    add<Operator<kElementType<Half>>>(domain);
    add<Operator<kBfloat16>>(domain);
}

} // namespace

void addPlaces(Ort::CustomOpDomain& domain)
{
    add<NonZeroPlacesOperator>(domain);
    addEachType<GatherTilesOperator>(domain);
    addEachType<ScatterTilesOperator>(domain);
    addEachType<ConvAtPlacesOperator>(domain);
}

} // namespace refinemask
