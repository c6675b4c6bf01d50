// The values that an attribute may have, and what is said of others.
//
// An operator shows its attributes to visitors (visit() of its Attributes), which read them from
// ONNX Runtime (onnxruntime/operator.h) or TensorRT (tensorrt/fields.h). The functions here throw
// std::invalid_argument that names operator, attribute and value.
#pragma once

#include <cstdint>
#include <vector>

namespace refinemask
{

struct IntegerRange
{
    std::int64_t lowest;
    std::int64_t highest;

    bool contains(std::int64_t value) const
    {
        return value >= lowest && value <= highest;
    }
};

//! Above `lowest`, or also equal to it, and at most `highest`; NaN is outside.
struct NumberRange
{
    float lowest;
    float highest;
    bool excludeLowest = false;

    bool contains(float value) const
    {
        return value >= lowest && value <= highest && !(excludeLowest && value == lowest);
    }
};

void requireInRange(
    char const* operatorName, char const* name, std::int64_t value, IntegerRange range);
void requireInRange(char const* operatorName, char const* name, float value, NumberRange range);

//! For a list: as many values as `count` allows, each of them in `range` and above the one before.
void requireAscending(char const* operatorName, char const* name,
    std::vector<std::int64_t> const& values, IntegerRange range, IntegerRange count);

//! Refuse an attribute of the wrong type, such as "a float" for "an integer"; `type` is nullptr
//! where the attribute is missing.
[[noreturn]] void failType(
    char const* operatorName, char const* name, char const* wanted, char const* type);

} // namespace refinemask
