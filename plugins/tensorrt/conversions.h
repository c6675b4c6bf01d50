// From TensorRT's types to those of the operators, and back.
#pragma once

#include "cuda/launch.h"
#include "operators/shape.h"
#include "tensorrt/fields.h"

#include <NvInferRuntime.h>
#include <vector>

namespace refinemask
{

//! The plugin fields of an operator's fields.
std::vector<nvinfer1::PluginField> toPluginFields(std::vector<Field> const& fields);

//! And back. Throws std::invalid_argument where there are no fields but should be some.
std::vector<Field> fromPluginFields(
    char const* operatorName, nvinfer1::PluginFieldCollection const* collection);

Shape toShape(nvinfer1::Dims const& dims);

//! The same while an engine is built: what the builder does not know yet is kUnknown.
Shape toShape(nvinfer1::DimsExprs const& dims);

//! Whether a type is one of those that features, logits and masks may have.
bool isElementType(nvinfer1::DataType type);

ElementType toElementType(nvinfer1::DataType type);

//! Name of a type for messages.
char const* typeName(nvinfer1::DataType type);

//! Throw std::invalid_argument unless features, logits or masks, called `name`, have such a type.
void requireElementType(char const* operatorName, char const* name, nvinfer1::DataType type);

//! Throw std::invalid_argument unless coordinates or scores, called `name`, are float32.
void requireFloat32(char const* operatorName, char const* name, nvinfer1::DataType type);

} // namespace refinemask
