#include "openvino/attribute_reader.h"

#include <string>

namespace refinemask
{

namespace
{

//! The type of an attribute, or nullptr if the node has none of that name.
char const* typeOf(ov::Any const& attribute)
{
    return attribute.empty()                        ? nullptr
        : attribute.is<std::int64_t>()              ? "an integer"
        : attribute.is<double>()                    ? "a float"
        : attribute.is<std::string>()               ? "a string"
        : attribute.is<std::vector<std::int64_t>>() ? "a list of integers"
        : attribute.is<std::vector<double>>() || attribute.is<std::vector<float>>()
        ? "a list of floats"
        : "of another type";
}

} // namespace

template <typename T>
T AttributeReader::read(char const* name, char const* wanted) const
{
    ov::Any const attribute = mNode.get_attribute_as_any(name);
    if (!attribute.is<T>())
    {
        failType(mOperator, name, wanted, typeOf(attribute));
    }
    return attribute.as<T>();
}

void AttributeReader::integer(char const* name, std::int64_t& value, IntegerRange range) const
{
    value = read<std::int64_t>(name, "an integer");
    requireInRange(mOperator, name, value, range);
}

void AttributeReader::optionalInteger(
    char const* name, std::int64_t& value, IntegerRange range) const
{
    if (mNode.has_attribute(name))
    {
        integer(name, value, range);
    }
}

void AttributeReader::ascendingIntegers(char const* name, std::vector<std::int64_t>& values,
    IntegerRange range, IntegerRange count) const
{
    values = read<std::vector<std::int64_t>>(name, "a list of integers");
    requireAscending(mOperator, name, values, range, count);
}

void AttributeReader::number(char const* name, float& value, NumberRange range) const
{
    value = static_cast<float>(read<double>(name, "a float")); // as the frontend holds it
    requireInRange(mOperator, name, value, range);
}

} // namespace refinemask
