// Masks as they are handed out, in one format.
#pragma once

#include "image/polygons.h"
#include "refinemask/refinemask.h"
#include "runtime/block.h"

#include <optional>

namespace refinemask::runtime
{

//! Masks (maskSize^2 probabilities each) and the boxes in an image that they belong into.
struct MasksInImage
{
    std::vector<float const*> masks;
    std::int64_t maskSize;
    float const* boxes; //!< xyxy in pixels, four for each mask
    std::int64_t height;
    std::int64_t width;
};

//! Adds masks to a block: reserves room first, and writes when the block has memory.
class MaskWriter
{
public:
    MaskWriter(BlockBuilder& builder, MasksInImage masks, refinemask_mask_format format);

    void write(BlockBuilder const& builder, refinemask_detections& view) const;

private:
    std::int64_t count() const
    {
        return static_cast<std::int64_t>(mMasks.masks.size());
    }

    std::vector<std::int64_t> runs(std::size_t index) const;
    refinemask_crop window(std::size_t index) const;
    void paint(std::size_t index, refinemask_crop const& crop, std::uint8_t* pixels) const;

    void reserveCrops(BlockBuilder& builder);
    void encode(BlockBuilder& builder);
    void trace(BlockBuilder& builder);

    void writeBitmaps(std::uint8_t* pixels) const;
    void writeCrops(refinemask_crop* crops, std::uint8_t* pixels) const;
    void writePolygons(BlockBuilder const& builder) const;
    void writeProbs(float* probs) const;

    MasksInImage mMasks;
    refinemask_mask_format mFormat;
    std::vector<refinemask_crop> mWindows;
    std::vector<std::string> mCounts;
    std::optional<Texts> mTexts;
    std::vector<std::vector<Polygon>> mOutlines;
    BlockBuilder::Part<std::uint8_t> mPixels{};
    BlockBuilder::Part<refinemask_crop> mCrops{};
    BlockBuilder::Part<refinemask_outline> mOutlinesPart{};
    BlockBuilder::Part<refinemask_polygon> mPolygons{};
    BlockBuilder::Part<std::int32_t> mCorners{};
    BlockBuilder::Part<float> mProbs{};
};

} // namespace refinemask::runtime
