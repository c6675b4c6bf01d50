#include "operators/attribute.h"

#include "operators/errors.h"
#include "operators/shape.h"

#include <algorithm>
#include <functional>

namespace refinemask
{

void requireInRange(
    char const* operatorName, char const* name, std::int64_t value, IntegerRange range)
{
    if (!range.contains(value))
    {
        fail(operatorName, "attribute ", name, " must be from ", range.lowest, " to ",
            range.highest, ", got ", value);
    }
}

void requireInRange(char const* operatorName, char const* name, float value, NumberRange range)
{
    if (!range.contains(value))
    {
        fail(operatorName, "attribute ", name, " must be ",
            range.excludeLowest ? "above " : "from ", range.lowest,
            range.excludeLowest ? " and at most " : " to ", range.highest, ", got ", value);
    }
}

void requireAscending(char const* operatorName, char const* name,
    std::vector<std::int64_t> const& values, IntegerRange range, IntegerRange count)
{
    if (!count.contains(static_cast<std::int64_t>(values.size())))
    {
        fail(operatorName, "attribute ", name, " must hold ", count.lowest, " to ", count.highest,
            " integers, got ", toText(values));
    }
    for (std::int64_t const value : values)
    {
        requireInRange(operatorName, name, value, range);
    }
    if (std::adjacent_find(values.begin(), values.end(), std::greater_equal<>()) != values.end())
    {
        fail(operatorName, "attribute ", name, " must ascend, got ", toText(values));
    }
}

void failType(char const* operatorName, char const* name, char const* wanted, char const* type)
{
    fail(operatorName, "attribute ", name, " must be ", wanted, ", got ",
        type != nullptr ? type : "none", "; export the model again with this version");
}

} // namespace refinemask
