// What librefinemask makes of a network's outputs, whatever they are.
#include "runtime/detections.h"
#include "fuzz/input.h"
#include "runtime/error.h"

#include <array>

namespace
{

using namespace refinemask;
using namespace refinemask::runtime;

//! Tensors that mostly have the shapes of an artifact, and any values.
struct Network
{
    explicit Network(fuzz::Input& input)
    {
        metadata.form = input.flag() ? "static" : "portable";
        metadata.classNames = {"a", "b"};
        metadata.maxDetections = input.integer(1, 6);
        images = input.integer(1, 3);
        std::int64_t const slots = input.integer(0, 6);
        std::int64_t const side = input.integer(0, 5);
        bool const isPadded = metadata.form == "static";
        Shape const found = isPadded ? Shape{images, slots} : Shape{slots};
        std::int64_t const count = elementCount(found);
        boxes = input.numbers<float>(4 * count);
        scores = input.numbers<float>(count);
        masks = input.numbers<float>(count * side * side);
        for (float& value : masks)
        {
            value /= 64.F;
        }
        for (std::int64_t i = 0; i < count; ++i)
        {
            labels.push_back(input.integer(-1, 2));
        }
        for (std::int64_t i = 0; i < std::max(images, count); ++i)
        {
            counts.push_back(input.integer(-1, 4));
        }
        add(found, {4}, ElementType::kFloat32, boxes.data());
        add(found, {}, ElementType::kFloat32, scores.data());
        add(found, {}, ElementType::kInt64, labels.data());
        add(found, {side, side}, ElementType::kFloat32, masks.data());
        add(isPadded ? Shape{images} : found, {}, ElementType::kInt64, counts.data());
        if (isPadded)
        {
            add({images}, {}, ElementType::kBool, truncated.data());
        }
        if (input.byte() == 0)
        {
            auto const last = static_cast<std::int64_t>(outputs.tensors.size()) - 1;
            outputs.tensors[static_cast<std::size_t>(input.integer(0, last))].shape.push_back(1);
        }
    }

    void add(Shape shape, Shape const& more, ElementType type, void const* data)
    {
        shape.insert(shape.end(), more.begin(), more.end());
        outputs.tensors.push_back(
            Tensor{outputNames(metadata.form)[outputs.tensors.size()], type, shape, data});
    }

    Metadata metadata{};
    std::int64_t images;
    std::vector<float> boxes;
    std::vector<float> scores;
    std::vector<float> masks;
    std::vector<std::int64_t> labels;
    std::vector<std::int64_t> counts;
    std::array<bool, 3> truncated{false, true, false};
    Outputs outputs;
};

} // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size)
{
    fuzz::Input input(data, size);
    Network const network(input);
    ImageScale const image{input.integer(1, 200), input.integer(1, 200),
        static_cast<float>(input.integer(1, 64)) / 16.F,
        static_cast<float>(input.integer(1, 64)) / 16.F};
    auto const format = static_cast<refinemask_mask_format>(input.integer(0, 5));
    try
    {
        for (RawDetections const& raw :
            splitOutputs(network.outputs, network.metadata, network.images, 64, 64))
        {
            auto const found = makeDetections(raw, image, network.metadata.classNames, format,
                input.number(), input.integer(-1, 3));
            fuzz::require(found->count <= raw.count, "the number of detections");
        }
    }
    catch (Error const&)
    {
    }
    return 0;
}
