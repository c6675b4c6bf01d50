#include "runtime/protobuf.h"

#include <stdexcept>

namespace refinemask::runtime
{
namespace
{

constexpr int kTagBits = 32;
constexpr int kValueBits = 64;

} // namespace

bool Fields::next()
{
    if (mLeft.empty())
    {
        return false;
    }
    std::uint64_t const tag = takeInteger(kTagBits);
    number = tag >> 3;
    std::uint64_t const wire = tag & 7U;
    isInteger = wire == 0;
    hasContent = wire == 2;
    content = {};
    switch (wire)
    {
    case 0:
        integer = takeInteger(kValueBits);
        break;
    case 1:
        take(8);
        break;
    case 2:
        content = take(takeInteger(kValueBits));
        break;
    case 5:
        take(4);
        break;
    default:
        throw std::invalid_argument("a field of an unknown wire type");
    }
    if (number == 0)
    {
        throw std::invalid_argument("a field without a number");
    }
    return true;
}

std::string_view Fields::take(std::uint64_t length)
{
    if (length > mLeft.size())
    {
        throw std::invalid_argument("a field that is cut off");
    }
    std::string_view const taken = mLeft.substr(0, length);
    mLeft.remove_prefix(length);
    return taken;
}

std::uint64_t Fields::takeInteger(int bits)
{
    std::uint64_t value = 0;
    for (int shift = 0; shift < bits; shift += 7)
    {
        auto const byte = static_cast<std::uint8_t>(take(1).front());
        std::uint64_t const low = byte & 127U;
        if (shift + 7 > bits && (low >> (bits - shift)) != 0)
        {
            break;
        }
        value |= low << shift;
        if (byte < 128)
        {
            return value;
        }
    }
    throw std::invalid_argument("a number that is too long");
}

} // namespace refinemask::runtime
