// Copies that leave the cache alone.
#pragma once

#include <cstdint>
#include <cstring>

#ifdef REFINEMASK_X86
#include <emmintrin.h>
#endif

namespace refinemask
{

//! As memcpy, but past the cache: lines that are written whole need not be read first, and push out
//! nothing that is still needed. endStream() makes them visible to other threads.
inline void streamOut(void* target, void const* source, std::size_t bytes)
{
#ifdef REFINEMASK_X86
    constexpr std::size_t kLine = 64;
    auto* to = static_cast<char*>(target);
    auto const* from = static_cast<char const*>(source);
    std::size_t const ahead = (kLine - reinterpret_cast<std::uintptr_t>(to) % kLine) % kLine;
    std::size_t const first = ahead < bytes ? ahead : bytes;
    std::memcpy(to, from, first);
    to += first;
    from += first;
    bytes -= first;
    for (; bytes >= kLine; bytes -= kLine, to += kLine, from += kLine)
    {
        for (std::size_t place = 0; place < kLine; place += sizeof(__m128i))
        {
            _mm_stream_si128(reinterpret_cast<__m128i*>(to + place),
                _mm_loadu_si128(reinterpret_cast<__m128i const*>(from + place)));
        }
    }
    std::memcpy(to, from, bytes);
#else
    std::memcpy(target, source, bytes);
#endif
}

inline void endStream()
{
#ifdef REFINEMASK_X86
    _mm_sfence();
#endif
}

} // namespace refinemask
