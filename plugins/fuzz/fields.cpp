// The fields that TensorRT hands to plugin creators: any names, types, lengths and values are read
// or refused, and what was read is written and read again the same.
#include "tensorrt/fields.h"
#include "fuzz/input.h"
#include "operators/batched_nms.h"
#include "operators/boundary_refine.h"
#include "operators/multiscale_roi_align.h"
#include "operators/paste_masks.h"
#include "operators/places.h"

#include <array>
#include <cstring>
#include <memory>
#include <stdexcept>
#include <string>

namespace
{

using namespace refinemask;
using fuzz::Input;

constexpr std::array kNames{"output_size", "sampling_ratio", "strides", "finest_scale", "aligned",
    "epsilon_after_log", "iou_threshold", "score_threshold", "max_per_image", "max_shifted",
    "first_shift", "boundary_width", "threshold", "height", "width", "margin", "dilation",
    "unknown", ""};

//! A field and the memory that it points to; exactly as long, so that a byte too far is noticed.
struct OwnedField
{
    std::vector<char> data;
    Field field;
};

std::unique_ptr<OwnedField> readField(Input& input)
{
    auto owned = std::make_unique<OwnedField>();
    Field& field = owned->field;
    auto const name = static_cast<std::size_t>(input.integer(0, kNames.size()));
    field.name = name < kNames.size() ? kNames[name] : nullptr;
    field.type = static_cast<FieldType>(input.integer(0, 3));
    field.length = static_cast<std::int32_t>(input.integer(0, 8));
    std::size_t const width = field.type == FieldType::kINT64 ? 8 : 4;
    bool const isSmall = input.flag();
    for (std::int32_t index = 0; index < field.length; ++index)
    {
        std::int64_t integer = isSmall ? input.integer(0, 64) : input.integer(INT64_MIN, INT64_MAX);
        float const number = isSmall ? static_cast<float>(integer) / 64.F : input.number();
        char bytes[8];
        std::memcpy(bytes, &integer, sizeof(integer));
        if (field.type == FieldType::kFLOAT32)
        {
            std::memcpy(bytes, &number, sizeof(number));
        }
        owned->data.insert(owned->data.end(), bytes, bytes + width);
    }
    owned->data.shrink_to_fit();
    field.data = owned->data.empty() ? nullptr : owned->data.data();
    if (input.byte() < 8)
    {
        field.length = -static_cast<std::int32_t>(input.byte());
    }
    return owned;
}

bool isSame(std::vector<Field> const& a, std::vector<Field> const& b)
{
    return std::equal(a.begin(), a.end(), b.begin(), b.end(),
        [](Field const& x, Field const& y)
        {
            std::size_t const width = x.type == FieldType::kINT64 ? 8 : 4;
            return std::strcmp(x.name, y.name) == 0 && x.type == y.type && x.length == y.length
                && std::memcmp(x.data, y.data, width * static_cast<std::size_t>(x.length)) == 0;
        });
}

template <typename Attributes>
void run(std::vector<Field> const& fields)
{
    Attributes attributes;
    try
    {
        attributes = readAttributes<Attributes>(fields);
    }
    catch (std::invalid_argument const&)
    {
        return;
    }
    FieldWriter writer;
    attributes.visit(writer);
    auto again = readAttributes<Attributes>(writer.fields());
    FieldWriter rewriter;
    again.visit(rewriter);
    fuzz::require(isSame(writer.fields(), rewriter.fields()), "attributes that were written");
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size)
{
    Input input(data, size);
    auto const operatorIndex = input.integer(0, 6);
    std::vector<std::unique_ptr<OwnedField>> owned;
    std::vector<Field> fields;
    for (std::int64_t left = input.integer(0, 8); left > 0; --left)
    {
        owned.push_back(readField(input));
        fields.push_back(owned.back()->field);
    }
    switch (operatorIndex)
    {
    case 0:
        run<RoIAlignAttributes>(fields);
        break;
    case 1:
        run<BatchedNMSAttributes>(fields);
        break;
    case 2:
        run<BoundaryRefineAttributes>(fields);
        break;
    case 3:
        run<PasteMasksAttributes>(fields);
        break;
    case 4:
        run<NonZeroPlacesAttributes>(fields);
        break;
    case 5:
        run<GatherTilesAttributes>(fields);
        break;
    default:
        run<ConvAtPlacesAttributes>(fields);
    }
    return 0;
}
