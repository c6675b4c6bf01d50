// COCO's compressed run-length encoding of masks, as refinemask/inference/rle.py describes it: the
// text of `counts`.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace refinemask
{

//! A mask, or the part of it in a window outside of which nothing is on: bytes, 0 where it is off.
struct BitmapView
{
    std::uint8_t const* data; //!< rows from the top; may be null if the window is empty
    std::int64_t width;
    std::int64_t height;
    std::int64_t stride;   //!< bytes from row to row
    std::int64_t left = 0; //!< of the window in the image
    std::int64_t top = 0;
};

//! Encode runs that pasteRuns() (cpu/paste_masks.h) has found in an image of so many pixels. Runs
//! that touch are one.
std::string toRle(std::vector<std::int64_t> const& edges, std::int64_t pixels);

//! Encode a bitmap in an image of height x width pixels. Throws std::invalid_argument unless their
//! sides are 0 to kLargestSide and the window lies in the image.
std::string encodeBitmap(BitmapView const& bitmap, std::int64_t height, std::int64_t width);

//! Encode a mask (maskSize^2 probabilities) that is pasted into its xyxy box in an image of
//! height x width pixels, and is on from `threshold` on; no canvas is made. Throws
//! std::invalid_argument unless sizes are within the limits of PasteMasks and pointers not null.
std::string encodePasted(float const* mask, std::int64_t maskSize, float const* box,
    std::int64_t height, std::int64_t width, float threshold);

} // namespace refinemask
