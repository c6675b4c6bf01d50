// The boundary-aware refinement of mask logits (RefineMask, Sec. 3.3; numerics 8).
//
// Near the outline of the coarse mask the fine stage is taken, elsewhere the coarse one, enlarged
// bilinearly with its corner pixels in place. All decisions are float32.
#pragma once

#include "kernels/host_device.h"

namespace refinemask
{

//! The two coarse cells that a fine row or column interpolates between, and the second's weight.
struct ResizeTap
{
    int low;
    int high;
    float highWeight;
};

//! `scale` is (coarseSize - 1) / (fineSize - 1) in float32, or 0 where fineSize is 1.
REFINEMASK_HD ResizeTap resizeTap(int index, int coarseSize, float scale)
{
    float const position = scale * static_cast<float>(index);
    int const low = static_cast<int>(position);
    return ResizeTap{low, low + (low < coarseSize - 1 ? 1 : 0), position - static_cast<float>(low)};
}

REFINEMASK_HD float interpolate(ResizeTap const& y, ResizeTap const& x, float topLow, float topHigh,
    float bottomLow, float bottomHigh)
{
    float const left = 1.F - x.highWeight;
    return (1.F - y.highWeight) * (left * topLow + x.highWeight * topHigh)
        + y.highWeight * (left * bottomLow + x.highWeight * bottomHigh);
}

//! Whether a logit is foreground: sigmoid(logit) >= 0.5.
REFINEMASK_HD bool isForeground(float logit)
{
    return logit >= 0.F;
}

//! Whether `others` of the (2 * width + 1)^2 pixels of a window are enough to be at the boundary.
REFINEMASK_HD bool enoughOthers(int others, int width)
{
    int const side = 2 * width + 1;
    return 10 * others > side * side;
}

//! Whether a pixel of the coarse mask (size x size logits) lies at its outline.
//!
//! More than a tenth of the window around it must have the other value; what lies outside the map
//! counts as background.
template <typename T>
REFINEMASK_HD bool isBoundary(T const* logits, int size, int row, int column, int width)
{
    bool const inside = isForeground(toFloat(logits[row * size + column]));
    int foreground = 0;
    for (int y = row - width; y <= row + width; ++y)
    {
        for (int x = column - width; x <= column + width; ++x)
        {
            if (y >= 0 && y < size && x >= 0 && x < size)
            {
                foreground += isForeground(toFloat(logits[y * size + x])) ? 1 : 0;
            }
        }
    }
    int const all = (2 * width + 1) * (2 * width + 1);
    return enoughOthers(inside ? all - foreground : foreground, width);
}

//! The refined logit at one fine pixel, from whether its four coarse neighbours are interior.
//!
//! `fine` is the fine stage's logit there.
REFINEMASK_HD float refinedLogit(ResizeTap const& y, ResizeTap const& x, bool const (&interior)[4],
    float const (&coarse)[4], float fine)
{
    float const keep = interpolate(y, x, interior[0] ? 1.F : 0.F, interior[1] ? 1.F : 0.F,
        interior[2] ? 1.F : 0.F, interior[3] ? 1.F : 0.F);
    return keep >= 0.5F ? interpolate(y, x, coarse[0], coarse[1], coarse[2], coarse[3]) : fine;
}

} // namespace refinemask
