#include "runtime/sha256.h"

#include <algorithm>
#include <array>
#include <cstring>

namespace refinemask::runtime
{
namespace
{

constexpr std::size_t kBlock = 64;
constexpr std::size_t kLengthBytes = 8;
constexpr int kRounds = 64;

using State = std::array<std::uint32_t, 8>;

constexpr State kInitial{
    0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};

constexpr std::array<std::uint32_t, kRounds> kConstants{0x428a2f98, 0x71374491, 0xb5c0fbcf,
    0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be,
    0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786, 0x0fc19dc6,
    0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8,
    0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc,
    0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b, 0xc24b8b70,
    0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116, 0x1e376c08, 0x2748774c,
    0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814,
    0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

std::uint32_t rotated(std::uint32_t word, int bits)
{
    return (word >> bits) | (word << (32 - bits));
}

void addBlock(State& state, std::uint8_t const* block)
{
    std::array<std::uint32_t, kRounds> words;
    for (int i = 0; i < 16; ++i)
    {
        words[i] = std::uint32_t{block[4 * i]} << 24 | std::uint32_t{block[4 * i + 1]} << 16
            | std::uint32_t{block[4 * i + 2]} << 8 | block[4 * i + 3];
    }
    for (int i = 16; i < kRounds; ++i)
    {
        std::uint32_t const a = words[i - 15];
        std::uint32_t const b = words[i - 2];
        words[i] = words[i - 16] + (rotated(a, 7) ^ rotated(a, 18) ^ (a >> 3)) + words[i - 7]
            + (rotated(b, 17) ^ rotated(b, 19) ^ (b >> 10));
    }
    auto [a, b, c, d, e, f, g, h] = state;
    for (int i = 0; i < kRounds; ++i)
    {
        std::uint32_t const first = h + (rotated(e, 6) ^ rotated(e, 11) ^ rotated(e, 25))
            + ((e & f) ^ (~e & g)) + kConstants[i] + words[i];
        std::uint32_t const second
            = (rotated(a, 2) ^ rotated(a, 13) ^ rotated(a, 22)) + ((a & b) ^ (a & c) ^ (b & c));
        h = g;
        g = f;
        f = e;
        e = d + first;
        d = c;
        c = b;
        b = a;
        a = first + second;
    }
    State const added{a, b, c, d, e, f, g, h};
    std::transform(state.begin(), state.end(), added.begin(), state.begin(), std::plus<>());
}

} // namespace

std::string sha256(std::uint8_t const* data, std::size_t size)
{
    State state = kInitial;
    std::size_t const whole = size / kBlock * kBlock;
    for (std::size_t start = 0; start < whole; start += kBlock)
    {
        addBlock(state, data + start);
    }
    std::array<std::uint8_t, 2 * kBlock> end{};
    std::size_t const left = size - whole;
    if (left > 0)
    {
        std::memcpy(end.data(), data + whole, left);
    }
    end[left] = 0x80;
    std::size_t const blocks = left + 1 + kLengthBytes > kBlock ? 2 : 1;
    for (std::size_t i = 0; i < kLengthBytes; ++i)
    {
        end[blocks * kBlock - 1 - i]
            = static_cast<std::uint8_t>((std::uint64_t{size} * 8) >> (8 * i));
    }
    for (std::size_t i = 0; i < blocks; ++i)
    {
        addBlock(state, end.data() + i * kBlock);
    }
    std::string digits;
    for (std::uint32_t const word : state)
    {
        for (int shift = 28; shift >= 0; shift -= 4)
        {
            digits += "0123456789abcdef"[(word >> shift) & 15];
        }
    }
    return digits;
}

} // namespace refinemask::runtime
