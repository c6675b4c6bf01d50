#include "runtime/outputs.h"

#include "runtime/error.h"

#include <algorithm>
#include <cmath>

namespace refinemask::runtime
{
namespace
{

constexpr float kRounding = 1e-5F; // by which a runtime's sigmoid may lie outside of 0 to 1
constexpr float kPixel = 1.0F;

template <typename... Parts>
[[noreturn]] void refuse(Parts const&... parts)
{
    raise(REFINEMASK_RUNTIME_FAILED, "the network returned ", parts...,
        "; its weights or its graph are damaged: use another file");
}

//! Return the values of an output after a check of its type and shape, in which -1 is any length.
template <typename T>
T const* values(Tensor const& tensor, ElementType type, Shape const& expected)
{
    if (tensor.type != type || !mayEqual(tensor.shape, expected))
    {
        refuse(tensor.name, " of another type or of the shape ", toText(tensor.shape), ", not ",
            toText(expected));
    }
    return static_cast<T const*>(tensor.data);
}

void checkRange(char const* name, float const* values, std::int64_t count, float most, float slack)
{
    for (std::int64_t i = 0; i < count; ++i)
    {
        if (!(values[i] >= -slack && values[i] <= most + slack)) // true for NaN
        {
            refuse(name, " of ", values[i], ", not from 0 to ", most);
        }
    }
}

void checkDetections(
    RawDetections const& found, Metadata const& metadata, std::int64_t height, std::int64_t width)
{
    if (found.count > metadata.maxDetections)
    {
        refuse(found.count, " detections in an image, and its limit is ", metadata.maxDetections);
    }
    auto const classes = static_cast<std::int64_t>(metadata.classNames.size());
    for (std::int64_t i = 0; i < found.count; ++i)
    {
        float const* const box = found.boxes + 4 * i;
        checkRange("x of a box", box, 1, static_cast<float>(width), kPixel);
        checkRange("x of a box", box + 2, 1, static_cast<float>(width), kPixel);
        checkRange("y of a box", box + 1, 1, static_cast<float>(height), kPixel);
        checkRange("y of a box", box + 3, 1, static_cast<float>(height), kPixel);
        if (box[0] > box[2] || box[1] > box[3])
        {
            refuse("a box that ends before it begins");
        }
        if (found.labels[i] < 0 || found.labels[i] >= classes)
        {
            refuse("the label ", found.labels[i], ", not one from 0 to ", classes - 1);
        }
    }
    checkRange("a score", found.scores, found.count, 1.0F, kRounding);
    checkRange(
        "a mask", found.masks, found.count * found.maskSize * found.maskSize, 1.0F, kRounding);
}

std::int64_t maskSize(Tensor const& masks, std::size_t rank)
{
    std::int64_t const size = masks.shape.size() == rank ? masks.shape.back() : 0;
    if (size < 1 || size > kLargestMapSide)
    {
        refuse("masks of the shape ", toText(masks.shape));
    }
    return size;
}

//! Of the static form: a fixed number of slots for each image, used from the first on.
std::vector<RawDetections> splitPadded(std::vector<Tensor> const& tensors, std::int64_t images)
{
    std::int64_t const size = maskSize(tensors[3], 4);
    auto const* const scores
        = values<float>(tensors[1], ElementType::kFloat32, Shape{images, kUnknown});
    std::int64_t const slots = tensors[1].shape[1];
    auto const* const boxes
        = values<float>(tensors[0], ElementType::kFloat32, Shape{images, slots, 4});
    auto const* const labels
        = values<std::int64_t>(tensors[2], ElementType::kInt64, Shape{images, slots});
    auto const* const masks
        = values<float>(tensors[3], ElementType::kFloat32, Shape{images, slots, size, size});
    auto const* const counts = values<std::int64_t>(tensors[4], ElementType::kInt64, Shape{images});
    auto const* const truncated = values<bool>(tensors[5], ElementType::kBool, Shape{images});
    std::vector<RawDetections> split;
    for (std::int64_t image = 0; image < images; ++image)
    {
        if (counts[image] < 0 || counts[image] > slots)
        {
            refuse(counts[image], " detections in ", slots, " slots");
        }
        std::int64_t const first = image * slots;
        split.push_back(RawDetections{counts[image], boxes + 4 * first, scores + first,
            labels + first, masks + first * size * size, size, truncated[image]});
    }
    return split;
}

//! Of the other forms: the detections of all images, one after the other.
std::vector<RawDetections> splitFlat(std::vector<Tensor> const& tensors, std::int64_t images)
{
    std::int64_t const size = maskSize(tensors[3], 3);
    auto const* const scores = values<float>(tensors[1], ElementType::kFloat32, Shape{kUnknown});
    std::int64_t const count = tensors[1].shape[0];
    auto const* const boxes = values<float>(tensors[0], ElementType::kFloat32, Shape{count, 4});
    auto const* const labels = values<std::int64_t>(tensors[2], ElementType::kInt64, Shape{count});
    auto const* const masks
        = values<float>(tensors[3], ElementType::kFloat32, Shape{count, size, size});
    auto const* const indices = values<std::int64_t>(tensors[4], ElementType::kInt64, Shape{count});
    std::vector<RawDetections> split;
    std::int64_t first = 0;
    for (std::int64_t image = 0; image < images; ++image)
    {
        std::int64_t const end = std::find_if(indices + first, indices + count,
                                     [image](std::int64_t index)
                                     {
                                         return index != image;
                                     })
            - indices;
        split.push_back(RawDetections{end - first, boxes + 4 * first, scores + first,
            labels + first, masks + first * size * size, size});
        first = end;
    }
    if (first != count)
    {
        refuse("image_index out of order, or beyond the batch of ", images);
    }
    return split;
}

} // namespace

std::vector<char const*> outputNames(std::string const& form)
{
    if (form == "static")
    {
        return {"boxes", "scores", "labels", "masks", "num_detections", "truncated"};
    }
    return {"boxes", "scores", "labels", "masks", "image_index"};
}

RawDetections givenMasks(Outputs const& outputs, std::int64_t count)
{
    Tensor const& masks = outputs.tensors.front();
    std::int64_t const size = maskSize(masks, 3);
    auto const* const found = values<float>(masks, ElementType::kFloat32, Shape{count, size, size});
    checkRange("a mask", found, count * size * size, 1.0F, kRounding);
    return RawDetections{count, nullptr, nullptr, nullptr, found, size};
}

std::vector<RawDetections> splitOutputs(Outputs const& outputs, Metadata const& metadata,
    std::int64_t images, std::int64_t height, std::int64_t width)
{
    std::vector<RawDetections> split = metadata.form == "static"
        ? splitPadded(outputs.tensors, images)
        : splitFlat(outputs.tensors, images);
    for (RawDetections const& found : split)
    {
        checkDetections(found, metadata, height, width);
    }
    return split;
}

} // namespace refinemask::runtime
