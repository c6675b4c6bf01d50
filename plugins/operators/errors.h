// Errors of the operators: every host shows the same text.
#pragma once

#include <sstream>
#include <stdexcept>
#include <string>

namespace refinemask
{

template <typename... Parts>
std::string concatenate(Parts const&... parts)
{
    std::ostringstream text;
    (text << ... << parts);
    return text.str();
}

//! Throw std::invalid_argument whose text is the operator's name and the parts one after the other.
template <typename... Parts>
[[noreturn]] void fail(char const* operatorName, Parts const&... parts)
{
    throw std::invalid_argument(concatenate(operatorName, ": ", parts...));
}

} // namespace refinemask
