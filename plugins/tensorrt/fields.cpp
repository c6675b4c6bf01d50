#include "tensorrt/fields.h"

#include "tensorrt/text.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <functional>

namespace refinemask
{

namespace
{

char const* typeName(FieldType type)
{
    switch (type)
    {
    case FieldType::kFLOAT32:
        return "float32";
    case FieldType::kINT32:
        return "int32";
    case FieldType::kINT64:
        return "int64";
    case FieldType::kOTHER:
        break;
    }
    return "another type";
}

template <typename T>
T element(Field const& field, std::int32_t index)
{
    T value; // Data from a file need not be aligned.
    std::memcpy(&value, static_cast<char const*>(field.data) + index * sizeof(T), sizeof(T));
    return value;
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

FieldReader::FieldReader(std::string operatorName, std::vector<Field> fields)
    : mOperatorName(std::move(operatorName))
{
    for (Field const& field : fields)
    {
        if (field.name == nullptr)
        {
            fail("(unnamed)", "has no name");
        }
        if (find(field.name) != nullptr)
        {
            fail(field.name, "is given twice; give it once");
        }
        if (field.length < 0 || (field.length > 0 && field.data == nullptr))
        {
            fail(field.name, concatenate("has no data for its length of ", field.length));
        }
        mGiven.push_back(Given{field, false});
    }
    mKnown.clear(); // of the look-ups for duplicates
}

void FieldReader::fail(std::string const& field, std::string const& what) const
{
    throw FieldError(concatenate(mOperatorName, ": field '", field, "' ", what));
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

Field const& FieldReader::require(char const* name)
{
    Given* const given = find(name);
    if (given == nullptr)
    {
        fail(name, "is missing; the node must have it as an attribute");
    }
    given->used = true;
    return given->field;
}

std::vector<std::int64_t> FieldReader::readIntegers(Field const& field, IntegerRange range) const
{
    if (field.type != FieldType::kINT32 && field.type != FieldType::kINT64)
    {
        fail(field.name, concatenate("is ", typeName(field.type), ", must be int32 or int64"));
    }
    std::vector<std::int64_t> values;
    for (std::int32_t i = 0; i < field.length; ++i)
    {
        std::int64_t const value = field.type == FieldType::kINT32
            ? element<std::int32_t>(field, i)
            : element<std::int64_t>(field, i);
        if (value < range.lowest || value > range.highest)
        {
            fail(field.name,
                concatenate("is ", value, ", must be from ", range.lowest, " to ", range.highest));
        }
        values.push_back(value);
    }
    return values;
}

std::int64_t FieldReader::readInteger(Field const& field, IntegerRange range) const
{
    if (field.length != 1)
    {
        fail(field.name, concatenate("has ", field.length, " values, must have 1"));
    }
    return readIntegers(field, range)[0];
}

void FieldReader::integer(char const* name, std::int64_t& value, IntegerRange range)
{
    value = readInteger(require(name), range);
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
    Field const& field = require(name);
    if (field.length < count.lowest || field.length > count.highest)
    {
        fail(name,
            concatenate(
                "has ", field.length, " values, must have ", count.lowest, " to ", count.highest));
    }
    values = readIntegers(field, range);
    auto const unordered = std::adjacent_find(values.begin(), values.end(), std::greater_equal<>());
    if (unordered != values.end())
    {
        fail(name, concatenate("has ", unordered[1], " after ", unordered[0], ", must ascend"));
    }
}

void FieldReader::number(char const* name, float& value, NumberRange range)
{
    Field const& field = require(name);
    if (field.type != FieldType::kFLOAT32)
    {
        fail(name, concatenate("is ", typeName(field.type), ", must be float32"));
    }
    if (field.length != 1)
    {
        fail(name, concatenate("has ", field.length, " values, must have 1"));
    }
    value = element<float>(field, 0);
    if (!range.contains(value))
    {
        fail(name,
            concatenate("is ", value, ", must be ", range.excludeLowest ? "above " : "from ",
                range.lowest, range.excludeLowest ? " and at most " : " to ", range.highest));
    }
}

void FieldReader::finish() const
{
    for (Given const& given : mGiven)
    {
        if (!given.used)
        {
            fail(given.field.name, "is unknown; known are " + joined(mKnown));
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
