// The attributes of a node, read from ONNX Runtime.
#pragma once

#include "onnxruntime/api.h"
#include "operators/attribute.h"

namespace refinemask
{

//! A visitor of an operator's attributes. Throws std::invalid_argument for one that is missing, of
//! the wrong type or out of range.
class AttributeReader
{
public:
    AttributeReader(char const* operatorName, OrtKernelInfo const* info)
        : mOperator(operatorName)
        , mInfo(info)
    {
    }

    void integer(char const* name, std::int64_t& value, IntegerRange range) const;
    //! Leaves `value` as it is where the node has no such attribute.
    void optionalInteger(char const* name, std::int64_t& value, IntegerRange range) const;
    void ascendingIntegers(char const* name, std::vector<std::int64_t>& values, IntegerRange range,
        IntegerRange count) const;
    void number(char const* name, float& value, NumberRange range) const;

    std::int64_t inputCount() const
    {
        return static_cast<std::int64_t>(mInfo.GetInputCount());
    }

private:
    //! The type that the node's attribute has, or nullptr if it has none of that name.
    char const* typeOf(char const* name) const;

    char const* mOperator;
    Ort::ConstKernelInfo mInfo;
};

template <typename Attributes>
Attributes readAttributes(AttributeReader const& reader)
{
    Attributes attributes;
    attributes.visit(reader);
    return attributes;
}

} // namespace refinemask
