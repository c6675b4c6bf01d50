// The attributes of an ONNX node, read from OpenVINO's frontend.
#pragma once

#include "operators/attribute.h"

#include <openvino/frontend/node_context.hpp>

namespace refinemask
{

//! A visitor of an operator's attributes. Throws std::invalid_argument for one that is missing, of
//! the wrong type or out of range.
class AttributeReader
{
public:
    AttributeReader(char const* operatorName, ov::frontend::NodeContext const& node)
        : mOperator(operatorName)
        , mNode(node)
    {
    }

    void integer(char const* name, std::int64_t& value, IntegerRange range) const;
    //! Leaves `value` as it is where the node has no such attribute.
    void optionalInteger(char const* name, std::int64_t& value, IntegerRange range) const;
    void ascendingIntegers(char const* name, std::vector<std::int64_t>& values, IntegerRange range,
        IntegerRange count) const;
    void number(char const* name, float& value, NumberRange range) const;

private:
    template <typename T>
    T read(char const* name, char const* wanted) const;

    char const* mOperator;
    ov::frontend::NodeContext const& mNode;
};

} // namespace refinemask
