// Names of devices, as programs give them.
#pragma once

#include <optional>
#include <string>

namespace refinemask::runtime
{

//! Return N of "cuda:N", 0 of "cuda", and nothing of any other name.
inline std::optional<int> cudaIndex(std::string const& device)
{
    constexpr std::size_t kPrefix = 5; // characters of "cuda:"
    if (device == "cuda")
    {
        return 0;
    }
    std::string const digits = device.rfind("cuda:", 0) == 0 ? device.substr(kPrefix) : "";
    if (digits.empty() || digits.size() > 4
        || digits.find_first_not_of("0123456789") != std::string::npos)
    {
        return std::nullopt;
    }
    return std::stoi(digits);
}

} // namespace refinemask::runtime
