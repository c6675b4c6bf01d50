// The loops of resizing with AVX2; resize_simd.cpp does what they leave. Everything is in the
// unnamed namespace: no file compiled for another instruction set can be given a copy of it.
//
// Each function does the first pixels of a row, and returns how many it has done. The last step of
// a loop may begin a little earlier than the one before has ended.
#pragma once

#include "image/resize_arithmetic.h"

#include <cstring>
#include <immintrin.h>

namespace
{

using namespace refinemask;

constexpr char kNone = -128; //!< of a byte shuffle: 0

//! Bytes for a shuffle of each half of a register, repeated in the other.
inline __m256i inBothHalves(char const (&bytes)[16])
{
    return _mm256_broadcastsi128_si256(_mm_loadu_si128(reinterpret_cast<__m128i const*>(bytes)));
}

//! Eight bytes at `a` in the lower half and eight at `b` in the upper one.
inline __m256i loadTwo(std::uint8_t const* a, std::uint8_t const* b)
{
    __m128i const low = _mm_loadl_epi64(reinterpret_cast<__m128i const*>(a));
    __m128i const high = _mm_loadl_epi64(reinterpret_cast<__m128i const*>(b));
    return _mm256_blend_epi32(
        _mm256_castsi128_si256(low), _mm256_broadcastq_epi64(high), 0b11110000);
}

//! As interpolateColors(), to half the width: each sample is the mean of two that no other reads.
std::int64_t halveColors(
    ResizeColumns const& columns, std::uint8_t const* source, std::int16_t* target)
{
    constexpr std::int64_t kPixels = 4;
    constexpr std::int64_t kLoadBytes = 16; // of two pixels
    std::int64_t const pairBytes = 2 * columns.channels;
    char pairs[16]; // bytes of the left pixel and of the right one
    for (int place = 0; place < 16; ++place)
    {
        int const pixel = place / 8 * 2 + place % 2;
        pairs[place] = static_cast<char>(pixel * columns.channels + place / 2 % 4);
    }
    __m256i const pairing = inBothHalves(pairs);
    __m256i const ones = _mm256_set1_epi8(1);
    std::int64_t const bytes = columns.count * pairBytes;
    std::int64_t first = 0;
    for (; (first + 2) * pairBytes + kLoadBytes <= bytes; first += kPixels)
    {
        auto const* const two = reinterpret_cast<__m128i const*>(source + first * pairBytes);
        auto const* const next = reinterpret_cast<__m128i const*>(source + (first + 2) * pairBytes);
        __m256i const four = _mm256_inserti128_si256(
            _mm256_castsi128_si256(_mm_loadu_si128(two)), _mm_loadu_si128(next), 1);
        __m256i const sums = _mm256_maddubs_epi16(_mm256_shuffle_epi8(four, pairing), ones);
        _mm256_storeu_si256(reinterpret_cast<__m256i*>(target + first * kResizeColorSamples),
            _mm256_slli_epi16(sums, kResizeRowBits - 1));
    }
    return first;
}

std::int64_t interpolateColors(
    ResizeColumns const& columns, std::uint8_t const* source, std::int16_t* target)
{
    if (columns.isHalf)
    {
        return halveColors(columns, source, target);
    }
    constexpr std::int64_t kPixels = 4;
    if (columns.loadable < kPixels)
    {
        return 0;
    }
    char pairs[16]; // byte of the left pixel and of the right one, as 16 bits each
    for (int place = 0; place < 16; ++place)
    {
        int const byte = place / 4 + (place % 4 == 2 ? columns.step : 0);
        pairs[place] = place % 2 == 0 ? static_cast<char>(byte) : kNone;
    }
    __m256i const pairing = inBothHalves(pairs);
    // The weights of pixels 0 and 2, and of 1 and 3, once for each sample.
    __m256i const even = _mm256_setr_epi32(0x03020100, 0x03020100, 0x03020100, 0x03020100,
        0x0B0A0908, 0x0B0A0908, 0x0B0A0908, 0x0B0A0908);
    __m256i const odd = _mm256_setr_epi32(0x07060504, 0x07060504, 0x07060504, 0x07060504,
        0x0F0E0D0C, 0x0F0E0D0C, 0x0F0E0D0C, 0x0F0E0D0C);
    auto const interpolateTwo = [&](std::int32_t const* left, __m256i weights)
    {
        __m256i const bytes = loadTwo(source + left[0], source + left[2]);
        __m256i const sums = _mm256_madd_epi16(_mm256_shuffle_epi8(bytes, pairing), weights);
        return _mm256_srai_epi32(sums, kRowShift);
    };
    for (std::int64_t start = 0; start < columns.loadable; start += kPixels)
    {
        std::int64_t const first = lesser(start, columns.loadable - kPixels);
        auto const* const weights = reinterpret_cast<__m128i const*>(columns.weights + first);
        __m256i const four = _mm256_broadcastsi128_si256(_mm_loadu_si128(weights));
        std::int32_t const* const left = columns.left + first;
        __m256i const samples
            = _mm256_packs_epi32(interpolateTwo(left, _mm256_shuffle_epi8(four, even)),
                interpolateTwo(left + 1, _mm256_shuffle_epi8(four, odd)));
        _mm256_storeu_si256(
            reinterpret_cast<__m256i*>(target + first * kResizeColorSamples), samples);
    }
    return columns.loadable;
}

//! Two bytes.
inline short loadPair(std::uint8_t const* source)
{
    short pair;
    std::memcpy(&pair, source, sizeof(pair));
    return pair;
}

std::int64_t interpolateGreys(
    ResizeColumns const& columns, std::uint8_t const* source, std::int16_t* target)
{
    constexpr std::int64_t kPixels = 8;
    if (columns.loadable < kPixels)
    {
        return 0;
    }
    for (std::int64_t start = 0; start < columns.loadable; start += kPixels)
    {
        std::int64_t const first = lesser(start, columns.loadable - kPixels);
        std::int32_t const* const left = columns.left + first;
        // One by one: CPUs differ much in how fast they gather.
        __m128i const pairs = _mm_setr_epi16(loadPair(source + left[0]), loadPair(source + left[1]),
            loadPair(source + left[2]), loadPair(source + left[3]), loadPair(source + left[4]),
            loadPair(source + left[5]), loadPair(source + left[6]), loadPair(source + left[7]));
        __m256i const weights
            = _mm256_loadu_si256(reinterpret_cast<__m256i const*>(columns.weights + first));
        __m256i const sums = _mm256_madd_epi16(_mm256_cvtepu8_epi16(pairs), weights);
        __m256i const samples = _mm256_srai_epi32(sums, kRowShift);
        _mm_storeu_si128(reinterpret_cast<__m128i*>(target + first),
            _mm_packs_epi32(_mm256_castsi256_si128(samples), _mm256_extracti128_si256(samples, 1)));
    }
    return columns.loadable;
}

//! Blends samples, 32 at a time.
class Blender
{
public:
    static constexpr std::int64_t kSamples = 32;

    explicit Blender(ResizeRows const& rows)
        : mRows(rows)
        , mTopWeight(_mm256_set1_epi16(rows.topWeight))
        , mBottomWeight(_mm256_set1_epi16(rows.bottomWeight))
    {
    }

    __m256i blend(std::int64_t first) const
    {
        __m256i const bytes = _mm256_packus_epi16(blendHalf(first), blendHalf(first + 16));
        return _mm256_permute4x64_epi64(bytes, 0b11011000);
    }

private:
    __m256i blendHalf(std::int64_t first) const
    {
        __m256i const upper = _mm256_mulhi_epi16(load(mRows.top + first), mTopWeight);
        __m256i const lower = _mm256_mulhi_epi16(load(mRows.bottom + first), mBottomWeight);
        __m256i const half = _mm256_set1_epi16(1 << (kBlendShift - 1));
        return _mm256_srai_epi16(
            _mm256_add_epi16(_mm256_add_epi16(upper, lower), half), kBlendShift);
    }

    static __m256i load(std::int16_t const* samples)
    {
        return _mm256_loadu_si256(reinterpret_cast<__m256i const*>(samples));
    }

    ResizeRows mRows;
    __m256i mTopWeight;
    __m256i mBottomWeight;
};

std::int64_t blendColors(ResizeRows const& rows, ResizeColumns const& columns, std::uint8_t* target)
{
    constexpr std::int64_t kPixels = Blender::kSamples / kResizeColorSamples;
    if (columns.count < kPixels)
    {
        return 0;
    }
    Blender const blender(rows);
    char colors[16]; // of four pixels
    for (int place = 0; place < 16; ++place)
    {
        int const byte = place / 3 * kResizeColorSamples + columns.colors[place % 3];
        colors[place] = place < 12 ? static_cast<char>(byte) : kNone;
    }
    __m256i const picking = inBothHalves(colors);
    __m256i const together = _mm256_setr_epi32(0, 1, 2, 4, 5, 6, 3, 7);
    for (std::int64_t start = 0; start < columns.count; start += kPixels)
    {
        std::int64_t const first = lesser(start, columns.count - kPixels);
        __m256i const samples = blender.blend(first * kResizeColorSamples);
        __m256i const picked
            = _mm256_permutevar8x32_epi32(_mm256_shuffle_epi8(samples, picking), together);
        auto* const place = reinterpret_cast<__m128i*>(target + first * 3);
        _mm_storeu_si128(place, _mm256_castsi256_si128(picked));
        _mm_storel_epi64(place + 1, _mm256_extracti128_si256(picked, 1));
    }
    return columns.count;
}

std::int64_t blendGreys(ResizeRows const& rows, ResizeColumns const& columns, std::uint8_t* target)
{
    if (columns.count < Blender::kSamples)
    {
        return 0;
    }
    Blender const blender(rows);
    for (std::int64_t start = 0; start < columns.count; start += Blender::kSamples)
    {
        std::int64_t const first = lesser(start, columns.count - Blender::kSamples);
        _mm256_storeu_si256(reinterpret_cast<__m256i*>(target + first), blender.blend(first));
    }
    return columns.count;
}

} // namespace
