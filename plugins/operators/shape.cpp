#include "operators/shape.h"

#include "operators/errors.h"

#include <algorithm>

namespace refinemask
{

std::string toText(Shape const& shape)
{
    std::string text;
    for (std::int64_t const length : shape)
    {
        text += text.empty() ? "" : ", ";
        text += length == kUnknown ? "?" : std::to_string(length);
    }
    return "(" + text + (shape.size() == 1 ? ",)" : ")");
}

bool mayEqual(std::int64_t a, std::int64_t b)
{
    return a == b || a == kUnknown || b == kUnknown;
}

bool mayEqual(Shape const& a, Shape const& b)
{
    return std::equal(a.begin(), a.end(), b.begin(), b.end(),
        [](std::int64_t x, std::int64_t y)
        {
            return mayEqual(x, y);
        });
}

void requireAtMost(
    char const* operatorName, char const* what, std::int64_t count, std::int64_t most)
{
    if (count > most)
    {
        fail(operatorName, "takes at most ", most, " ", what, ", got ", count);
    }
}

} // namespace refinemask
