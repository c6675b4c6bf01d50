#include "openvino/operator.h"

namespace refinemask
{

Shape toShape(ov::PartialShape const& shape, std::size_t rank)
{
    if (shape.rank().is_dynamic())
    {
        return Shape(rank, kUnknown);
    }
    Shape lengths;
    for (ov::Dimension const& dimension : shape)
    {
        lengths.push_back(dimension.is_static() ? dimension.get_length() : kUnknown);
    }
    return lengths;
}

ov::PartialShape toPartialShape(Shape const& shape)
{
    ov::PartialShape dimensions;
    for (std::int64_t const length : shape)
    {
        dimensions.push_back(length == kUnknown ? ov::Dimension::dynamic() : length);
    }
    return dimensions;
}

void requireType(char const* operatorName, ov::Node const& node, std::size_t input,
    std::initializer_list<ov::element::Type> allowed)
{
    ov::element::Type const type = node.get_input_element_type(input);
    std::string names;
    for (ov::element::Type const& one : allowed)
    {
        if (type == one)
        {
            return;
        }
        names += (names.empty() ? "" : " or ") + one.to_string();
    }
    fail(operatorName, "input ", input, " must be ", names, ", got ", type.to_string());
}

} // namespace refinemask
