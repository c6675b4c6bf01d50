// Messages of errors.
#pragma once

#include <sstream>
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

} // namespace refinemask
