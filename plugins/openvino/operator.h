// What the operators have in common: the classes that OpenVINO calls.
#pragma once

#include "kernels/host_device.h"
#include "openvino/attribute_reader.h"
#include "operators/errors.h"
#include "operators/shape.h"

#include <memory>
#include <openvino/core/op_extension.hpp>
#include <openvino/frontend/onnx/extension/conversion.hpp>
#include <openvino/op/op.hpp>

namespace refinemask
{

//! The shape of an input as far as it is known; `rank` is that of an input without any.
Shape toShape(ov::PartialShape const& shape, std::size_t rank);
ov::PartialShape toPartialShape(Shape const& shape);

//! Throw std::invalid_argument unless an input has the element type that an operator takes.
void requireType(char const* operatorName, ov::Node const& node, std::size_t input,
    std::initializer_list<ov::element::Type> allowed);

//! A visitor of an operator's attributes that shows them to OpenVINO, which saves models and
//! compares nodes.
class AttributeWriter
{
public:
    explicit AttributeWriter(ov::AttributeVisitor& visitor)
        : mVisitor(visitor)
    {
    }

    void integer(char const* name, std::int64_t& value, IntegerRange /*range*/)
    {
        mVisitor.on_attribute(name, value);
    }

    void optionalInteger(char const* name, std::int64_t& value, IntegerRange /*range*/)
    {
        mVisitor.on_attribute(name, value);
    }

    void ascendingIntegers(char const* name, std::vector<std::int64_t>& values,
        IntegerRange /*range*/, IntegerRange /*count*/)
    {
        mVisitor.on_attribute(name, values);
    }

    void number(char const* name, float& value, NumberRange /*range*/)
    {
        mVisitor.on_attribute(name, value);
    }

private:
    ov::AttributeVisitor& mVisitor;
};

//! An operator that computes on the CPU. Derived has OPENVINO_OP, infer() const, which returns the
//! element type and shape of each output and throws std::invalid_argument for inputs that it does
//! not take, and compute(outputs, inputs) const, which several threads may call.
template <typename Derived, typename AttributesT>
class Operator : public ov::op::Op
{
public:
    using Attributes = AttributesT;

    Operator() = default;

    Operator(ov::OutputVector const& inputs, Attributes attributes)
        : Op(inputs)
        , mAttributes(std::move(attributes))
    {
    }

    //! Return a new node, whose inputs are checked once it is whole.
    static std::shared_ptr<Derived> make(
        ov::OutputVector const& inputs, Attributes const& attributes)
    {
        auto node = std::make_shared<Derived>(inputs, attributes);
        static_cast<Operator&>(*node).constructor_validate_and_infer_types();
        return node;
    }

    void validate_and_infer_types() override
    {
        auto const outputs = static_cast<Derived const*>(this)->infer();
        for (std::size_t index = 0; index < outputs.size(); ++index)
        {
            set_output_type(index, outputs[index].first, toPartialShape(outputs[index].second));
        }
    }

    std::shared_ptr<ov::Node> clone_with_new_inputs(ov::OutputVector const& inputs) const override
    {
        return make(inputs, mAttributes);
    }

    bool visit_attributes(ov::AttributeVisitor& visitor) override
    {
        AttributeWriter writer(visitor);
        mAttributes.visit(writer);
        return true;
    }

    bool has_evaluate() const override
    {
        return true;
    }

    bool evaluate(ov::TensorVector& outputs, ov::TensorVector const& inputs) const override
    {
        static_cast<Derived const*>(this)->compute(outputs, inputs);
        return true;
    }

protected:
    Shape inputShape(std::size_t index, std::size_t rank) const
    {
        return toShape(get_input_partial_shape(index), rank);
    }

    Attributes mAttributes;
};

inline Shape shapeOf(ov::Tensor const& tensor)
{
    ov::Shape const shape = tensor.get_shape();
    return Shape(shape.begin(), shape.end());
}

//! Set the size of an output and return where its values go.
template <typename T>
T* allocate(ov::Tensor& output, Shape const& shape)
{
    output.set_shape(ov::Shape(shape.begin(), shape.end()));
    return static_cast<T*>(output.data());
}

//! Call `body` with a value of the type whose elements a tensor has, float or Half.
template <typename Body>
void withElements(ov::Tensor const& tensor, Body const& body)
{
    if (tensor.get_element_type() == ov::element::f16)
    {
        body(Half{});
    }
    else
    {
        body(float{});
    }
}

//! Add an operator to a library, and what makes it from an ONNX node of the domain refinemask.
template <typename Op>
void addOperator(std::vector<ov::Extension::Ptr>& extensions)
{
    char const* const name = Op::Attributes::kOperatorName;
    auto const convert = [name](ov::frontend::NodeContext const& node) -> ov::OutputVector
    {
        typename Op::Attributes attributes;
        AttributeReader const reader(name, node);
        attributes.visit(reader);
        ov::OutputVector inputs;
        for (std::size_t index = 0; index < node.get_input_size(); ++index)
        {
            inputs.push_back(node.get_input(static_cast<int>(index)));
        }
        return Op::make(inputs, attributes)->outputs();
    };
    extensions.push_back(std::make_shared<ov::OpExtension<Op>>());
    extensions.push_back(std::make_shared<ov::frontend::onnx::ConversionExtension>(
        name, "refinemask", ov::frontend::CreatorFunction(convert)));
}

// Each in the file of its name.
void addMultiScaleRoIAlign(std::vector<ov::Extension::Ptr>& extensions);
void addBatchedNMS(std::vector<ov::Extension::Ptr>& extensions);
void addBoundaryRefine(std::vector<ov::Extension::Ptr>& extensions);
void addPasteMasks(std::vector<ov::Extension::Ptr>& extensions);
void addPlaces(std::vector<ov::Extension::Ptr>& extensions);

} // namespace refinemask
