#include "tensorrt/conversions.h"

#include "operators/errors.h"

namespace refinemask
{

namespace
{

using nvinfer1::DataType;
using nvinfer1::PluginFieldType;

FieldType toFieldType(PluginFieldType type)
{
    switch (type)
    {
    case PluginFieldType::kFLOAT32:
        return FieldType::kFLOAT32;
    case PluginFieldType::kINT32:
        return FieldType::kINT32;
    case PluginFieldType::kINT64:
        return FieldType::kINT64;
    default:
        return FieldType::kOTHER;
    }
}

PluginFieldType toPluginFieldType(FieldType type)
{
    return type == FieldType::kFLOAT32 ? PluginFieldType::kFLOAT32 : PluginFieldType::kINT64;
}

} // namespace

std::vector<nvinfer1::PluginField> toPluginFields(std::vector<Field> const& fields)
{
    std::vector<nvinfer1::PluginField> converted;
    for (Field const& field : fields)
    {
        converted.emplace_back(field.name, field.data, toPluginFieldType(field.type), field.length);
    }
    return converted;
}

std::vector<Field> fromPluginFields(
    char const* operatorName, nvinfer1::PluginFieldCollection const* collection)
{
    bool const complete = collection != nullptr
        && (collection->nbFields == 0 || collection->fields != nullptr)
        && collection->nbFields >= 0;
    if (!complete)
    {
        fail(operatorName, "there are no fields to read");
    }
    std::vector<Field> fields;
    for (std::int32_t i = 0; i < collection->nbFields; ++i)
    {
        nvinfer1::PluginField const& field = collection->fields[i];
        fields.push_back(Field{field.name, field.data, toFieldType(field.type), field.length});
    }
    return fields;
}

bool isElementType(DataType type)
{
    return type == DataType::kFLOAT || type == DataType::kHALF || type == DataType::kBF16;
}

ElementType toElementType(DataType type)
{
    switch (type)
    {
    case DataType::kHALF:
        return ElementType::kFLOAT16;
    case DataType::kBF16:
        return ElementType::kBFLOAT16;
    default:
        return ElementType::kFLOAT32;
    }
}

char const* typeName(DataType type)
{
    switch (type)
    {
    case DataType::kFLOAT:
        return "float32";
    case DataType::kHALF:
        return "float16";
    case DataType::kBF16:
        return "bfloat16";
    case DataType::kINT8:
        return "int8";
    case DataType::kUINT8:
        return "uint8";
    case DataType::kINT32:
        return "int32";
    case DataType::kINT64:
        return "int64";
    case DataType::kBOOL:
        return "bool";
    default:
        return "another type";
    }
}

Shape toShape(nvinfer1::Dims const& dims)
{
    return Shape(dims.d, dims.d + dims.nbDims);
}

Shape toShape(nvinfer1::DimsExprs const& dims)
{
    Shape shape;
    for (std::int32_t i = 0; i < dims.nbDims; ++i)
    {
        nvinfer1::IDimensionExpr const& dimension = *dims.d[i];
        shape.push_back(dimension.isConstant() ? dimension.getConstantValue() : kUnknown);
    }
    return shape;
}

void requireElementType(char const* operatorName, char const* name, DataType type)
{
    if (!isElementType(type))
    {
        fail(operatorName, name, " must be float32, float16 or bfloat16, not ", typeName(type));
    }
}

void requireFloat32(char const* operatorName, char const* name, DataType type)
{
    if (type != DataType::kFLOAT)
    {
        fail(operatorName, name, " must be float32, not ", typeName(type),
            "; cast them before the node");
    }
}

} // namespace refinemask
