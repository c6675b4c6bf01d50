// What the loops of MultiScaleRoIAlign are given (multiscale_roi_align_simd.cpp). Data only, see
// cpu/simd.h.
#pragma once

namespace refinemask
{

//! Columns of the pooled map that are worked out together.
constexpr int kColumnBlock = 8;

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

} // namespace refinemask
