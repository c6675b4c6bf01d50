// What the plugins that work at places have in common.
#pragma once

#include "kernels/places.h"
#include "tensorrt/plugin.h"

#include <iterator>

namespace refinemask
{

//! A plugin whose second input is places, int64 (T, 3); its other inputs and its output are of one
//! feature type. Derived has kInputNames.
template <typename Derived, typename Attributes>
class PlacesPlugin : public Plugin<Derived, Attributes>
{
public:
    using Base = Plugin<Derived, Attributes>;
    using DataType = typename Base::DataType;
    using DynamicTensorDesc = typename Base::DynamicTensorDesc;

    static constexpr std::int32_t kNumOutputs = 1;
    static constexpr std::int32_t kPlaces = 1;

    using Base::Base;

protected:
    bool supportsType(std::int32_t position, DynamicTensorDesc const* tensors,
        std::int32_t /*numInputs*/) const final
    {
        DataType const type = tensors[position].desc.type;
        return position == kPlaces ? type == DataType::kINT64
                                   : isElementType(type) && type == tensors[0].desc.type;
    }

    void checkInputCount(std::int32_t numInputs) const final
    {
        auto const wanted = static_cast<std::int32_t>(std::size(Derived::kInputNames));
        if (numInputs != wanted)
        {
            fail(Base::kName, "has ", wanted, " inputs, not ", numInputs);
        }
    }

    void outputTypes(DataType const* inputs, std::int32_t numInputs, DataType* outputs) const final
    {
        requireElementType(Base::kName, Derived::kInputNames[0], inputs[0]);
        for (std::int32_t input = 1; input < numInputs; ++input)
        {
            DataType const wanted = input == kPlaces ? DataType::kINT64 : inputs[0];
            if (inputs[input] != wanted)
            {
                fail(Base::kName, Derived::kInputNames[input], " must be ", typeName(wanted),
                    ", not ", typeName(inputs[input]));
            }
        }
        outputs[0] = inputs[0];
    }

    static std::int64_t const* placesOf(void const* const* inputs)
    {
        return static_cast<std::int64_t const*>(inputs[kPlaces]);
    }
};

} // namespace refinemask
