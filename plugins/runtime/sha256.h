// SHA-256 (FIPS 180-4).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace refinemask::runtime
{

//! Return the digest of some bytes as 64 lower-case hexadecimal digits.
std::string sha256(std::uint8_t const* data, std::size_t size);

} // namespace refinemask::runtime
