#include "runtime/detections.h"

#include "cpu/paste_masks.h"
#include "image/rle.h"
#include "runtime/error.h"

#include <algorithm>
#include <optional>

namespace refinemask::runtime
{
namespace
{

constexpr float kThreshold = 0.5F; // pixels of at least this probability are the object's

//! The detections that are kept, in pixels of the original image.
struct Kept
{
    std::vector<std::int64_t> indices;
    std::vector<float> boxes;
    std::vector<std::string> names;
};

Kept selectDetections(RawDetections const& raw, ImageScale const& image,
    std::vector<std::string> const& classNames, float threshold, std::int64_t most)
{
    Kept kept;
    for (std::int64_t i = 0; i < raw.count; ++i)
    {
        auto const count = static_cast<std::int64_t>(kept.indices.size());
        if (raw.scores[i] < threshold || (most >= 0 && count >= most))
        {
            continue;
        }
        kept.indices.push_back(i);
        for (int side = 0; side < 4; ++side)
        {
            kept.boxes.push_back(raw.boxes[4 * i + side] / (side % 2 == 0 ? image.x : image.y));
        }
        kept.names.push_back(classNames[static_cast<std::size_t>(raw.labels[i])]);
    }
    return kept;
}

//! Runs of a pasted mask: start and exclusive end of each, as column-major pixel indices.
std::vector<std::int64_t> pastedRuns(
    float const* mask, std::int64_t maskSize, float const* box, ImageScale const& image)
{
    std::vector<std::int64_t> edges;
    pasteRuns(mask, static_cast<int>(maskSize), box, image.height, image.width, kThreshold, edges);
    return edges;
}

//! Fills in the masks of one format: reserves room first, and writes when the block has memory.
class MaskWriter
{
public:
    MaskWriter(BlockBuilder& builder, RawDetections const& raw, Kept const& kept,
        ImageScale const& image, refinemask_mask_format format)
        : mRaw(raw)
        , mKept(kept)
        , mImage(image)
        , mFormat(format)
    {
        std::int64_t const masks = count();
        switch (format)
        {
        case REFINEMASK_MASKS_BITMAP:
            mPixels = builder.add<std::uint8_t>(masks * image.height * image.width);
            break;
        case REFINEMASK_MASKS_CROP:
            reserveCrops(builder);
            break;
        case REFINEMASK_MASKS_RLE:
            encode();
            mTexts.emplace(builder, mCounts);
            break;
        case REFINEMASK_MASKS_PROBS:
            mProbs = builder.add<float>(masks * raw.maskSize * raw.maskSize);
            break;
        case REFINEMASK_MASKS_NONE:
            break;
        }
    }

    void write(BlockBuilder const& builder, refinemask_detections& view) const
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
            view.mask_size = mRaw.maskSize;
            break;
        case REFINEMASK_MASKS_NONE:
            break;
        }
    }

private:
    std::int64_t count() const
    {
        return static_cast<std::int64_t>(mKept.indices.size());
    }

    float const* mask(std::int64_t index) const
    {
        return mRaw.masks
            + mKept.indices[static_cast<std::size_t>(index)] * mRaw.maskSize * mRaw.maskSize;
    }

    float const* box(std::int64_t index) const
    {
        return mKept.boxes.data() + 4 * index;
    }

    void writeBitmaps(std::uint8_t* pixels) const
    {
        std::int64_t const area = mImage.height * mImage.width;
        for (std::int64_t i = 0; i < count(); ++i)
        {
            pasteMasks(mask(i), box(i), 1, static_cast<int>(mRaw.maskSize), mImage.height,
                mImage.width, kThreshold, pixels + i * area, serially);
        }
    }

    void reserveCrops(BlockBuilder& builder)
    {
        mCrops = builder.add<refinemask_crop>(count());
        std::int64_t pixels = 0;
        for (std::int64_t i = 0; i < count(); ++i)
        {
            float const* const corners = box(i);
            auto const columns = pasteWindow(corners[0], corners[2], mImage.width);
            auto const rows = pasteWindow(corners[1], corners[3], mImage.height);
            mWindows.push_back(refinemask_crop{columns.first, rows.first,
                columns.last - columns.first, rows.last - rows.first, nullptr});
            pixels += mWindows.back().width * mWindows.back().height;
        }
        mPixels = builder.add<std::uint8_t>(pixels);
    }

    void writeCrops(refinemask_crop* crops, std::uint8_t* pixels) const
    {
        for (std::int64_t i = 0; i < count(); ++i)
        {
            refinemask_crop& crop = crops[i];
            crop = mWindows[static_cast<std::size_t>(i)];
            crop.pixels = pixels;
            std::fill_n(pixels, crop.width * crop.height, std::uint8_t{0});
            auto const edges = pastedRuns(mask(i), mRaw.maskSize, box(i), mImage);
            for (std::size_t edge = 0; edge < edges.size(); edge += 2)
            {
                std::int64_t const x = edges[edge] / mImage.height - crop.x;
                std::int64_t const y = edges[edge] % mImage.height - crop.y;
                for (std::int64_t row = y; row < y + edges[edge + 1] - edges[edge]; ++row)
                {
                    pixels[row * crop.width + x] = 1;
                }
            }
            pixels += crop.width * crop.height;
        }
    }

    void encode()
    {
        for (std::int64_t i = 0; i < count(); ++i)
        {
            mCounts.push_back(toRle(
                pastedRuns(mask(i), mRaw.maskSize, box(i), mImage), mImage.height * mImage.width));
        }
    }

    void writeProbs(float* probs) const
    {
        std::int64_t const area = mRaw.maskSize * mRaw.maskSize;
        for (std::int64_t i = 0; i < count(); ++i)
        {
            std::copy_n(mask(i), area, probs + i * area);
        }
    }

    RawDetections const& mRaw;
    Kept const& mKept;
    ImageScale const& mImage;
    refinemask_mask_format mFormat;
    BlockBuilder::Part<std::uint8_t> mPixels{};
    BlockBuilder::Part<refinemask_crop> mCrops{};
    BlockBuilder::Part<float> mProbs{};
    std::vector<refinemask_crop> mWindows;
    std::vector<std::string> mCounts;
    std::optional<Texts> mTexts;
};

} // namespace

Owned<refinemask_detections> makeDetections(RawDetections const& raw, ImageScale const& image,
    std::vector<std::string> const& classNames, refinemask_mask_format masks, float threshold,
    std::int64_t most)
{
    Kept const kept = selectDetections(raw, image, classNames, threshold, most);
    auto const count = static_cast<std::int64_t>(kept.indices.size());
    BlockBuilder builder;
    auto const first = builder.add<refinemask_detections>(1);
    auto const boxes = builder.add<float>(4 * count);
    auto const scores = builder.add<float>(count);
    auto const labels = builder.add<std::int64_t>(count);
    Texts const names(builder, kept.names);
    MaskWriter const writer(builder, raw, kept, image, masks);
    builder.allocate();

    std::copy(kept.boxes.begin(), kept.boxes.end(), builder.at(boxes));
    for (std::int64_t i = 0; i < count; ++i)
    {
        std::int64_t const index = kept.indices[static_cast<std::size_t>(i)];
        builder.at(scores)[i] = raw.scores[index];
        builder.at(labels)[i] = raw.labels[index];
    }
    refinemask_detections view{};
    view.count = count;
    view.image_width = image.width;
    view.image_height = image.height;
    view.boxes = builder.at(boxes);
    view.scores = builder.at(scores);
    view.labels = builder.at(labels);
    view.class_names = names.write(builder);
    writer.write(builder, view);
    *builder.at(first) = view;
    return builder.release(first);
}

} // namespace refinemask::runtime
