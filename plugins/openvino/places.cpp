#include "cpu/places.h"

#include "cpu/conv_at_places.h"
#include "openvino/operator.h"
#include "openvino/threads.h"
#include "operators/places.h"

#include <algorithm>

namespace refinemask
{

namespace
{

constexpr auto kFloats = {ov::element::f32, ov::element::f16};

//! OpenVINO computes with int32 where a graph has int64.
constexpr auto kIntegers = {ov::element::i64, ov::element::i32};

//! The places of a tensor as int64.
class Places
{
public:
    explicit Places(ov::Tensor const& tensor)
    {
        if (tensor.get_element_type() == ov::element::i32)
        {
            auto const* const values = tensor.data<std::int32_t const>();
            mConverted.assign(values, values + tensor.get_size());
            mData = mConverted.data();
        }
        else
        {
            mData = tensor.data<std::int64_t const>();
        }
    }

    std::int64_t const* data() const
    {
        return mData;
    }

private:
    std::vector<std::int64_t> mConverted;
    std::int64_t const* mData;
};

class NonZeroPlaces : public Operator<NonZeroPlaces, NonZeroPlacesAttributes>
{
public:
    OPENVINO_OP("NonZeroPlaces", "refinemask")

    using Operator::Operator;

    std::vector<std::pair<ov::element::Type, Shape>> infer() const
    {
        requireType(Attributes::kOperatorName, *this, 0, {ov::element::f32});
        Attributes::checkShapes(inputShape(0, 3));
        return {{ov::element::i64, {kUnknown, 3}}, {ov::element::i64, {}}};
    }

    void compute(ov::TensorVector& outputs, ov::TensorVector const& inputs) const
    {
        Shape const mask = shapeOf(inputs[0]);
        Attributes::checkShapes(mask);
        auto const places = nonZeroPlaces(inputs[0].data<float const>(), mask[0], mask[1], mask[2]);
        auto const count = static_cast<std::int64_t>(places.size());
        auto* rows = allocate<std::int64_t>(outputs[0], {count, 3});
        for (Place const& place : places)
        {
            rows = std::copy(place.begin(), place.end(), rows);
        }
        *allocate<std::int64_t>(outputs[1], {}) = count;
    }
};

class GatherTiles : public Operator<GatherTiles, GatherTilesAttributes>
{
public:
    OPENVINO_OP("GatherTiles", "refinemask")

    using Operator::Operator;

    std::vector<std::pair<ov::element::Type, Shape>> infer() const
    {
        requireType(Attributes::kOperatorName, *this, 0, kFloats);
        requireType(Attributes::kOperatorName, *this, 1, kIntegers);
        Shape const maps = inputShape(0, 4);
        Shape const places = inputShape(1, 2);
        Attributes::checkShapes(maps, places);
        return {{get_input_element_type(0), mAttributes.outputShape(maps, places)}};
    }

    void compute(ov::TensorVector& outputs, ov::TensorVector const& inputs) const
    {
        Shape const maps = shapeOf(inputs[0]);
        Shape const places = shapeOf(inputs[1]);
        Attributes::checkShapes(maps, places);
        Shape const tiles = mAttributes.outputShape(maps, places);
        withElements(inputs[0],
            [&](auto element)
            {
                using T = Bits<decltype(element)>;
                gatherTiles(static_cast<T const*>(inputs[0].data()), mapsShape(maps),
                    Places(inputs[1]).data(), places[0], mAttributes.tile(),
                    allocate<T>(outputs[0], tiles), inArena);
            });
    }
};

class ScatterTiles : public Operator<ScatterTiles, ScatterTilesAttributes>
{
public:
    OPENVINO_OP("ScatterTiles", "refinemask")

    using Operator::Operator;

    std::vector<std::pair<ov::element::Type, Shape>> infer() const
    {
        requireType(Attributes::kOperatorName, *this, 0, kFloats);
        requireType(Attributes::kOperatorName, *this, 1, kIntegers);
        requireType(Attributes::kOperatorName, *this, 2, {get_input_element_type(0)});
        Shape const tiles = inputShape(0, 4);
        Shape const like = inputShape(2, 4);
        Attributes::checkShapes(tiles, inputShape(1, 2), like);
        return {{get_input_element_type(0), Attributes::outputShape(tiles, like)}};
    }

    void compute(ov::TensorVector& outputs, ov::TensorVector const& inputs) const
    {
        Shape const tiles = shapeOf(inputs[0]);
        Shape const like = shapeOf(inputs[2]);
        Attributes::checkShapes(tiles, shapeOf(inputs[1]), like);
        Shape const maps = Attributes::outputShape(tiles, like);
        withElements(inputs[0],
            [&](auto element)
            {
                using T = Bits<decltype(element)>;
                scatterTiles(static_cast<T const*>(inputs[0].data()), Attributes::tile(tiles),
                    Places(inputs[1]).data(), tiles[0], mapsShape(maps),
                    allocate<T>(outputs[0], maps), inArena);
            });
    }
};

class ConvAtPlaces : public Operator<ConvAtPlaces, ConvAtPlacesAttributes>
{
public:
    OPENVINO_OP("ConvAtPlaces", "refinemask")

    using Operator::Operator;

    std::vector<std::pair<ov::element::Type, Shape>> infer() const
    {
        requireType(Attributes::kOperatorName, *this, 0, kFloats);
        requireType(Attributes::kOperatorName, *this, 1, kIntegers);
        requireType(Attributes::kOperatorName, *this, 2, {get_input_element_type(0)});
        requireType(Attributes::kOperatorName, *this, 3, {get_input_element_type(0)});
        Shape const places = inputShape(1, 2);
        Shape const weight = inputShape(2, 4);
        Attributes::checkShapes(inputShape(0, 4), places, weight, inputShape(3, 1));
        return {{get_input_element_type(0), {places[0], weight[0]}}};
    }

    void compute(ov::TensorVector& outputs, ov::TensorVector const& inputs) const
    {
        Shape const maps = shapeOf(inputs[0]);
        Shape const places = shapeOf(inputs[1]);
        Shape const weight = shapeOf(inputs[2]);
        Attributes::checkShapes(maps, places, weight, shapeOf(inputs[3]));
        withElements(inputs[0],
            [&](auto element)
            {
                using T = decltype(element);
                convAtPlaces(static_cast<T const*>(inputs[0].data()), mapsShape(maps),
                    Places(inputs[1]).data(), places[0], mAttributes.kernel(weight),
                    static_cast<T const*>(inputs[2].data()),
                    static_cast<T const*>(inputs[3].data()),
                    allocate<T>(outputs[0], {places[0], weight[0]}), inArena);
            });
    }
};

} // namespace

void addPlaces(std::vector<ov::Extension::Ptr>& extensions)
{
    addOperator<NonZeroPlaces>(extensions);
    addOperator<GatherTiles>(extensions);
    addOperator<ScatterTiles>(extensions);
    addOperator<ConvAtPlaces>(extensions);
}

} // namespace refinemask
