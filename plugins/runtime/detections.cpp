#include "runtime/detections.h"

#include "runtime/mask_writer.h"

#include <algorithm>

namespace refinemask::runtime
{
namespace
{

//! The detections that are kept, in pixels of the original image.
struct Kept
{
    std::vector<std::int64_t> indices;
    std::vector<float> boxes;
    std::vector<float const*> masks;
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
        kept.masks.push_back(raw.masks + i * raw.maskSize * raw.maskSize);
        kept.names.push_back(classNames[static_cast<std::size_t>(raw.labels[i])]);
    }
    return kept;
}

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
    MaskWriter const writer(builder,
        MasksInImage{kept.masks, raw.maskSize, kept.boxes.data(), image.height, image.width},
        masks);
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
    view.truncated = raw.isTruncated ? 1 : 0;
    writer.write(builder, view);
    *builder.at(first) = view;
    return builder.release(first);
}

} // namespace refinemask::runtime
