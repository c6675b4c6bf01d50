// The attributes of an operator as TensorRT hands them to a plugin creator, read strictly.
//
// An operator describes its attributes once (operators/attribute.h) to a visitor. FieldReader
// checks and stores what TensorRT gives, FieldWriter says what to serialise, FieldLister what there
// is. Knows neither TensorRT nor CUDA, so that it builds and can be fuzzed everywhere.
#pragma once

#include "operators/attribute.h"

#include <cstdint>
#include <deque>
#include <string>
#include <vector>

namespace refinemask
{

//! The types of nvinfer1::PluginField that are understood.
enum class FieldType
{
    kFLOAT32,
    kINT32,
    kINT64,
    kOTHER
};

//! One attribute: `length` numbers at `data`, which the field does not own.
struct Field
{
    char const* name;
    void const* data;
    FieldType type;
    std::int32_t length;
};

//! Takes attributes out of what TensorRT gave. Throws std::invalid_argument for a field that is
//! missing, unknown, given twice, of the wrong type or out of range.
class FieldReader
{
public:
    FieldReader(char const* operatorName, std::vector<Field> fields);

    void integer(char const* name, std::int64_t& value, IntegerRange range);
    //! Leaves `value` as it is where the field is missing.
    void optionalInteger(char const* name, std::int64_t& value, IntegerRange range);
    void ascendingIntegers(char const* name, std::vector<std::int64_t>& values, IntegerRange range,
        IntegerRange count);
    void number(char const* name, float& value, NumberRange range);

    //! Refuse fields that nothing has asked for.
    void finish() const;

private:
    struct Given
    {
        Field field;
        bool used;
    };

    Given* find(char const* name);
    Field const& require(char const* name, char const* wanted);
    std::int64_t readInteger(Field const& field, IntegerRange range) const;

    char const* mOperatorName;
    std::vector<Given> mGiven;
    std::vector<std::string> mKnown;
};

//! Collects attributes as fields with values, which stay valid while the writer lives.
class FieldWriter
{
public:
    void integer(char const* name, std::int64_t& value, IntegerRange range);
    void optionalInteger(char const* name, std::int64_t& value, IntegerRange range);
    void ascendingIntegers(char const* name, std::vector<std::int64_t>& values, IntegerRange range,
        IntegerRange count);
    void number(char const* name, float& value, NumberRange range);

    std::vector<Field> const& fields() const
    {
        return mFields;
    }

private:
    std::vector<Field> mFields;
    std::deque<std::vector<std::int64_t>> mIntegers; // a deque does not move its elements
    std::deque<float> mNumbers;
};

//! Collects names and types without values: what a creator advertises.
class FieldLister
{
public:
    void integer(char const* name, std::int64_t& value, IntegerRange range);
    void optionalInteger(char const* name, std::int64_t& value, IntegerRange range);
    void ascendingIntegers(char const* name, std::vector<std::int64_t>& values, IntegerRange range,
        IntegerRange count);
    void number(char const* name, float& value, NumberRange range);

    std::vector<Field> const& fields() const
    {
        return mFields;
    }

private:
    std::vector<Field> mFields;
};

template <typename Attributes>
Attributes readAttributes(std::vector<Field> fields)
{
    FieldReader reader(Attributes::kOperatorName, std::move(fields));
    Attributes attributes;
    attributes.visit(reader);
    reader.finish();
    return attributes;
}

} // namespace refinemask
