// What the loop of BatchedNMS is given (batched_nms_simd.cpp). Data only, see cpu/simd.h.
#pragma once

namespace refinemask
{

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

} // namespace refinemask
