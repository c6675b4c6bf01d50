// Accesses of 16 bytes, several elements at a time.
#pragma once

#include <cstddef>
#include <cstdint>

namespace refinemask
{

constexpr std::size_t kAccessBytes = 16; //!< the most that a thread reads or writes at once

//! So many neighbouring elements, moved by one access.
template <typename T, int kCount>
struct alignas(sizeof(T) * kCount) Packed
{
    T values[kCount];
};

//! So many elements fill an access.
template <typename T>
constexpr int kPerAccess = static_cast<int>(kAccessBytes / sizeof(T));

inline bool isAligned(void const* pointer)
{
    return reinterpret_cast<std::uintptr_t>(pointer) % kAccessBytes == 0;
}

} // namespace refinemask
