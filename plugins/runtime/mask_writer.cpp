#include "runtime/mask_writer.h"

#include "cpu/paste_masks.h"

#include <algorithm>

namespace refinemask::runtime
{
namespace
{

constexpr float kThreshold = 0.5F; // pixels of at least this probability are the object's

} // namespace

MaskWriter::MaskWriter(BlockBuilder& builder, MasksInImage masks, refinemask_mask_format format)
    : mMasks(std::move(masks))
    , mFormat(format)
{
    switch (format)
    {
    case REFINEMASK_MASKS_BITMAP:
        mPixels = builder.add<std::uint8_t>(count() * mMasks.height * mMasks.width);
        break;
    case REFINEMASK_MASKS_CROP:
        reserveCrops(builder);
        break;
    case REFINEMASK_MASKS_RLE:
        encode(builder);
        break;
    case REFINEMASK_MASKS_PROBS:
        mProbs = builder.add<float>(count() * mMasks.maskSize * mMasks.maskSize);
        break;
    case REFINEMASK_MASKS_POLYGONS:
        trace(builder);
        break;
    case REFINEMASK_MASKS_NONE:
        break;
    }
}

void MaskWriter::write(BlockBuilder const& builder, refinemask_detections& view) const
{
    switch (mFormat)
    {
    case REFINEMASK_MASKS_BITMAP:
        writeBitmaps(builder.at(mPixels));
        view.bitmaps = builder.at(mPixels);
        break;
    case REFINEMASK_MASKS_CROP:
        writeCrops(builder.at(mCrops), builder.at(mPixels));
        view.crops = builder.at(mCrops);
        break;
    case REFINEMASK_MASKS_RLE:
        view.rles = mTexts->write(builder);
        break;
    case REFINEMASK_MASKS_PROBS:
        writeProbs(builder.at(mProbs));
        view.probs = builder.at(mProbs);
        view.mask_size = mMasks.maskSize;
        break;
    case REFINEMASK_MASKS_POLYGONS:
        writePolygons(builder);
        view.outlines = builder.at(mOutlinesPart);
        break;
    case REFINEMASK_MASKS_NONE:
        break;
    }
}

//! Start and exclusive end of each run, as column-major pixel indices.
std::vector<std::int64_t> MaskWriter::runs(std::size_t index) const
{
    std::vector<std::int64_t> edges;
    pasteRuns(mMasks.masks[index], static_cast<int>(mMasks.maskSize), mMasks.boxes + 4 * index,
        mMasks.height, mMasks.width, kThreshold, edges);
    return edges;
}

//! The part of the image that a mask may touch.
refinemask_crop MaskWriter::window(std::size_t index) const
{
    float const* const box = mMasks.boxes + 4 * index;
    auto const columns = pasteWindow(box[0], box[2], mMasks.width);
    auto const rows = pasteWindow(box[1], box[3], mMasks.height);
    return {
        columns.first, rows.first, columns.last - columns.first, rows.last - rows.first, nullptr};
}

//! Write the pixels of a mask in its window.
void MaskWriter::paint(std::size_t index, refinemask_crop const& crop, std::uint8_t* pixels) const
{
    std::fill_n(pixels, crop.width * crop.height, std::uint8_t{0});
    auto const edges = runs(index);
    for (std::size_t edge = 0; edge < edges.size(); edge += 2)
    {
        std::int64_t const x = edges[edge] / mMasks.height - crop.x;
        std::int64_t const y = edges[edge] % mMasks.height - crop.y;
        for (std::int64_t row = y; row < y + edges[edge + 1] - edges[edge]; ++row)
        {
            pixels[row * crop.width + x] = 1;
        }
    }
}

void MaskWriter::reserveCrops(BlockBuilder& builder)
{
    mCrops = builder.add<refinemask_crop>(count());
    std::int64_t pixels = 0;
    for (std::size_t i = 0; i < mMasks.masks.size(); ++i)
    {
        mWindows.push_back(window(i));
        pixels += mWindows.back().width * mWindows.back().height;
    }
    mPixels = builder.add<std::uint8_t>(pixels);
}

void MaskWriter::encode(BlockBuilder& builder)
{
    for (std::size_t i = 0; i < mMasks.masks.size(); ++i)
    {
        mCounts.push_back(toRle(runs(i), mMasks.height * mMasks.width));
    }
    mTexts.emplace(builder, mCounts);
}

void MaskWriter::trace(BlockBuilder& builder)
{
    std::int64_t polygons = 0;
    std::int64_t corners = 0;
    std::vector<std::uint8_t> pixels;
    for (std::size_t i = 0; i < mMasks.masks.size(); ++i)
    {
        refinemask_crop const crop = window(i);
        pixels.resize(static_cast<std::size_t>(crop.width * crop.height));
        paint(i, crop, pixels.data());
        mOutlines.push_back(
            outlines({pixels.data(), crop.width, crop.height, crop.width, crop.x, crop.y}));
        for (Polygon const& polygon : mOutlines.back())
        {
            ++polygons;
            corners += static_cast<std::int64_t>(polygon.size());
        }
    }
    mOutlinesPart = builder.add<refinemask_outline>(count());
    mPolygons = builder.add<refinemask_polygon>(polygons);
    mCorners = builder.add<std::int32_t>(2 * corners);
}

void MaskWriter::writeBitmaps(std::uint8_t* pixels) const
{
    std::int64_t const area = mMasks.height * mMasks.width;
    for (std::size_t i = 0; i < mMasks.masks.size(); ++i)
    {
        pasteMasks(mMasks.masks[i], mMasks.boxes + 4 * i, 1, static_cast<int>(mMasks.maskSize),
            mMasks.height, mMasks.width, kThreshold, pixels, serially);
        pixels += area;
    }
}

void MaskWriter::writeCrops(refinemask_crop* crops, std::uint8_t* pixels) const
{
    for (std::size_t i = 0; i < mWindows.size(); ++i)
    {
        crops[i] = mWindows[i];
        crops[i].pixels = pixels;
        paint(i, crops[i], pixels);
        pixels += crops[i].width * crops[i].height;
    }
}

void MaskWriter::writePolygons(BlockBuilder const& builder) const
{
    refinemask_outline* outline = builder.at(mOutlinesPart);
    refinemask_polygon* polygon = builder.at(mPolygons);
    std::int32_t* corner = builder.at(mCorners);
    for (std::vector<Polygon> const& parts : mOutlines)
    {
        *outline++ = {static_cast<std::int64_t>(parts.size()), polygon};
        for (Polygon const& part : parts)
        {
            *polygon++ = {static_cast<std::int64_t>(part.size()), corner};
            for (Corner const& found : part)
            {
                *corner++ = found.x;
                *corner++ = found.y;
            }
        }
    }
}

void MaskWriter::writeProbs(float* probs) const
{
    std::int64_t const area = mMasks.maskSize * mMasks.maskSize;
    for (float const* const mask : mMasks.masks)
    {
        probs = std::copy_n(mask, area, probs);
    }
}

} // namespace refinemask::runtime
