// The inner loops that gain from wide registers, compiled once for each instruction set.
//
// loops_simd.cpp holds the loops, simd.cpp chooses when they are first used. Data only here: an
// inline function with linkage might be compiled for AVX-512 in one file and then be the copy that
// every other file calls.
#pragma once

#include <cstdint>

namespace refinemask
{

//! Columns of the pooled map that are worked out together.
constexpr int kColumnBlock = 8;
//! The widest registers in floats: rows of features are read this many at a time.
constexpr int kWidestLanes = 16;

//! Distances between rows of scratch that the loops are compiled for. Not powers of two, which
//! would bring all rows to the same few places in the cache.
constexpr int kRowStrides[] = {48, 144, 400};

//! Some columns of the pooled map, and the cells of a feature row that they are sums of.
struct ColumnBlock
{
    int first;  //!< from the window's first column
    int count;  //!< cells
    int weight; //!< where their count x kColumnBlock weights start
};

//! A RoI as two small banded matrices: pooled = rowWeights * map * columnWeights^T.
struct SeparableView
{
    int outputSize;  //!< S
    int mapWidth;    //!< cells of the whole map
    int windowFirst; //!< first column of the map that is read
    int windowWidth; //!< columns that are read; at least kWidestLanes where the map is as wide
    int rowStride;   //!< floats between rows of scratch: one of kRowStrides where that is enough
    int rowTaps;     //!< rows of the map that a row of the pooled map is a sum of
    int const* rowFirst;       //!< S, the first of them
    float const* rowWeights;   //!< S x rowTaps
    ColumnBlock const* blocks; //!< ceil(S / kColumnBlock)
    float const* columnWeights;
};

//! Better boxes of an image that are still looked at, as arrays; `area` as in ShiftedBox.
struct BoxBlock
{
    static constexpr int kCapacity = 16;
    float x1[kCapacity];
    float y1[kCapacity];
    float x2[kCapacity];
    float y2[kCapacity];
    float area[kCapacity];
};

//! A mask's refinement: tables that only depend on the size, and memory for one mask.
struct RefineView
{
    int coarseSize; //!< s
    int fineSize;   //!< 2 s
    int width;      //!< of the boundary, in coarse pixels
    int wideStride; //!< fineSize, rounded up to whole registers of any width
    // What each of wideStride fine columns reads, as a ResizeTap does; the last repeated.
    int const* low;
    int const* high;
    float const* lowWeight;
    float const* highWeight;
    // Memory: s x s, the floats with kWidestLanes more, that may be read but count for nothing.
    float* coarse;
    float* interior;
    std::uint16_t* foreground;
    std::uint16_t* rowCounts;
    std::uint16_t* sums; //!< s
    // s x wideStride
    float* wideLogits;
    float* wideInterior;
};

//! The loops for one instruction set. Halves are passed as their bits.
struct SimdFunctions
{
    //! Pool one channel's map into S x S. `rows` holds S x rowStride floats of scratch. Returns
    //! false if a sum was not finite: a weight of 0 may then have met an infinity.
    bool (*poolFloat)(SeparableView const& roi, float const* map, float* rows, float* output);
    bool (*poolHalf)(
        SeparableView const& roi, std::uint16_t const* map, float* rows, std::uint16_t* output);
    //! Refine one mask: coarse is s x s, fine and output 2s x 2s.
    void (*refineFloat)(
        RefineView const& view, float const* coarse, float const* fine, float* output);
    void (*refineHalf)(RefineView const& view, std::uint16_t const* coarse,
        std::uint16_t const* fine, std::uint16_t* output);
    //! Whether a box, 5 floats as ShiftedBox, overlaps one of the blocks' boxes by more than
    //! `iouThreshold`, which is not negative.
    bool (*overlapsAny)(
        BoxBlock const* blocks, std::int64_t count, float const* box, float iouThreshold);
};

//! The best that the processor at hand has.
SimdFunctions const& simdFunctions();

namespace baseline
{
SimdFunctions const& functions();
}

#ifdef REFINEMASK_X86
namespace avx2
{
SimdFunctions const& functions();
}

namespace avx512
{
SimdFunctions const& functions();
}
#endif

} // namespace refinemask
