#include "tensorrt/fields.h"

#include "operators/errors.h"

#include <algorithm>
#include <cstring>

namespace refinemask
{

namespace
{

//! The type as ONNX calls it; a list of one value looks like a value.
char const* typeName(Field const& field)
{
    bool const isOne = field.length == 1;
    switch (field.type)
    {
    case FieldType::kFLOAT32:
        return isOne ? "a float" : "a list of floats";
    case FieldType::kINT32:
    case FieldType::kINT64:
        return isOne ? "an integer" : "a list of integers";
    case FieldType::kOTHER:
        break;
    }
    return "another type";
}

bool areIntegers(Field const& field)
{
    return field.type == FieldType::kINT32 || field.type == FieldType::kINT64;
}

template <typename T>
T element(Field const& field, std::int32_t index)
{
    T value; // Data from a file need not be aligned.
    std::memcpy(&value, static_cast<char const*>(field.data) + index * sizeof(T), sizeof(T));
    return value;
}

std::int64_t integerAt(Field const& field, std::int32_t index)
{
    return field.type == FieldType::kINT32 ? element<std::int32_t>(field, index)
                                           : element<std::int64_t>(field, index);
}

std::string joined(std::vector<std::string> const& names)
{
    std::string text;
    for (std::string const& name : names)
    {
        text += (text.empty() ? "" : ", ") + name;
    }
    return text;
}

} // namespace

FieldReader::FieldReader(char const* operatorName, std::vector<Field> fields)
    : mOperatorName(operatorName)
{
    for (Field const& field : fields)
    {
        if (field.name == nullptr)
        {
            fail(mOperatorName, "an attribute has no name");
        }
        if (find(field.name) != nullptr)
        {
            fail(mOperatorName, "attribute ", field.name, " is given twice; give it once");
        }
        if (field.length < 0 || (field.length > 0 && field.data == nullptr))
        {
            fail(mOperatorName, "attribute ", field.name, " has no data for its length of ",
                field.length);
        }
        mGiven.push_back(Given{field, false});
    }
    mKnown.clear(); // of the look-ups for duplicates
}

FieldReader::Given* FieldReader::find(char const* name)
{
    mKnown.emplace_back(name);
    auto const found = std::find_if(mGiven.begin(), mGiven.end(),
        [name](Given const& given)
        {
            return std::strcmp(given.field.name, name) == 0;
        });
    return found == mGiven.end() ? nullptr : &*found;
}

Field const& FieldReader::require(char const* name, char const* wanted)
{
    Given* const given = find(name);
    if (given == nullptr)
    {
        failType(mOperatorName, name, wanted, nullptr);
    }
    given->used = true;
    return given->field;
}

std::int64_t FieldReader::readInteger(Field const& field, IntegerRange range) const
{
    if (!areIntegers(field) || field.length != 1)
    {
        failType(mOperatorName, field.name, "an integer", typeName(field));
    }
    std::int64_t const value = integerAt(field, 0);
    requireInRange(mOperatorName, field.name, value, range);
    return value;
}

void FieldReader::integer(char const* name, std::int64_t& value, IntegerRange range)
{
    value = readInteger(require(name, "an integer"), range);
}

void FieldReader::optionalInteger(char const* name, std::int64_t& value, IntegerRange range)
{
    if (Given* const given = find(name))
    {
        given->used = true;
        value = readInteger(given->field, range);
    }
}

void FieldReader::ascendingIntegers(
    char const* name, std::vector<std::int64_t>& values, IntegerRange range, IntegerRange count)
{
    Field const& field = require(name, "a list of integers");
    if (!areIntegers(field))
    {
        failType(mOperatorName, name, "a list of integers", typeName(field));
    }
    values.clear();
    for (std::int32_t i = 0; i < field.length; ++i)
    {
        values.push_back(integerAt(field, i));
    }
    requireAscending(mOperatorName, name, values, range, count);
}

void FieldReader::number(char const* name, float& value, NumberRange range)
{
    Field const& field = require(name, "a float");
    if (field.type != FieldType::kFLOAT32 || field.length != 1)
    {
        failType(mOperatorName, name, "a float", typeName(field));
    }
    value = element<float>(field, 0);
    requireInRange(mOperatorName, name, value, range);
}

void FieldReader::finish() const
{
    for (Given const& given : mGiven)
    {
        if (!given.used)
        {
            fail(mOperatorName, "attribute ", given.field.name, " is unknown; known are ",
                joined(mKnown));
        }
    }
}

void FieldWriter::integer(char const* name, std::int64_t& value, IntegerRange /*range*/)
{
    mIntegers.push_back({value});
    mFields.push_back(Field{name, mIntegers.back().data(), FieldType::kINT64, 1});
}

void FieldWriter::optionalInteger(char const* name, std::int64_t& value, IntegerRange range)
{
    integer(name, value, range);
}

void FieldWriter::ascendingIntegers(char const* name, std::vector<std::int64_t>& values,
    IntegerRange /*range*/, IntegerRange /*count*/)
{
    mIntegers.push_back(values);
    mFields.push_back(Field{name, mIntegers.back().data(), FieldType::kINT64,
        static_cast<std::int32_t>(values.size())});
}

void FieldWriter::number(char const* name, float& value, NumberRange /*range*/)
{
    mNumbers.push_back(value);
    mFields.push_back(Field{name, &mNumbers.back(), FieldType::kFLOAT32, 1});
}

void FieldLister::integer(char const* name, std::int64_t& /*value*/, IntegerRange /*range*/)
{
    mFields.push_back(Field{name, nullptr, FieldType::kINT64, 1});
}

void FieldLister::optionalInteger(char const* name, std::int64_t& value, IntegerRange range)
{
    integer(name, value, range);
}

void FieldLister::ascendingIntegers(char const* name, std::vector<std::int64_t>& /*values*/,
    IntegerRange /*range*/, IntegerRange count)
{
    mFields.push_back(
        Field{name, nullptr, FieldType::kINT64, static_cast<std::int32_t>(count.highest)});
}

void FieldLister::number(char const* name, float& /*value*/, NumberRange /*range*/)
{
    mFields.push_back(Field{name, nullptr, FieldType::kFLOAT32, 1});
}

} // namespace refinemask
