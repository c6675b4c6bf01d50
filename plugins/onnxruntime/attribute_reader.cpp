#include "onnxruntime/attribute_reader.h"

#include <string>

namespace refinemask
{

namespace
{

template <typename T>
bool isReadable(Ort::ConstKernelInfo const& info, char const* name)
{
    try
    {
        info.GetAttribute<T>(name);
        return true;
    }
    catch (Ort::Exception const&)
    {
        return false;
    }
}

template <typename T>
bool areReadable(Ort::ConstKernelInfo const& info, char const* name)
{
    try
    {
        info.GetAttributes<T>(name);
        return true;
    }
    catch (Ort::Exception const&)
    {
        return false;
    }
}

} // namespace

char const* AttributeReader::typeOf(char const* name) const
{
    // The runtime has no call that asks for the type; it refuses to read one as another.
    return isReadable<std::int64_t>(mInfo, name) ? "an integer"
        : isReadable<float>(mInfo, name)         ? "a float"
        : isReadable<std::string>(mInfo, name)   ? "a string"
        : areReadable<std::int64_t>(mInfo, name) ? "a list of integers"
        : areReadable<float>(mInfo, name)        ? "a list of floats"
                                                 : nullptr;
}

void AttributeReader::integer(char const* name, std::int64_t& value, IntegerRange range) const
{
    if (!isReadable<std::int64_t>(mInfo, name))
    {
        failType(mOperator, name, "an integer", typeOf(name));
    }
    value = mInfo.GetAttribute<std::int64_t>(name);
    requireInRange(mOperator, name, value, range);
}

void AttributeReader::optionalInteger(
    char const* name, std::int64_t& value, IntegerRange range) const
{
    if (typeOf(name) != nullptr)
    {
        integer(name, value, range);
    }
}

void AttributeReader::ascendingIntegers(char const* name, std::vector<std::int64_t>& values,
    IntegerRange range, IntegerRange count) const
{
    // The runtime reads an attribute that is not a list as an empty one.
    values = areReadable<std::int64_t>(mInfo, name) ? mInfo.GetAttributes<std::int64_t>(name)
                                                    : std::vector<std::int64_t>{};
    if (values.empty())
    {
        failType(mOperator, name, "a list of integers", typeOf(name));
    }
    requireAscending(mOperator, name, values, range, count);
}

void AttributeReader::number(char const* name, float& value, NumberRange range) const
{
    if (!isReadable<float>(mInfo, name))
    {
        failType(mOperator, name, "a float", typeOf(name));
    }
    value = mInfo.GetAttribute<float>(name);
    requireInRange(mOperator, name, value, range);
}

} // namespace refinemask
