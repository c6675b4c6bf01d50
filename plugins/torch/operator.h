// What the operators have in common: tensors, attributes and threads.
#pragma once

#include "cpu/parallel.h"
#include "kernels/host_device.h"
#include "operators/attribute.h"
#include "operators/shape.h"
#include "torch/api.h"

#include <initializer_list>

namespace refinemask
{

Shape shapeOf(Tensor const& tensor);

//! Throw std::invalid_argument unless an input has one of the types that an operator takes.
void requireType(char const* operatorName, char const* name, Tensor const& tensor,
    std::initializer_list<ScalarType> allowed);

//! Throw std::invalid_argument unless an input lies where the first one does.
void requireSameDevice(
    char const* operatorName, char const* name, Tensor const& tensor, Tensor const& first);

//! A tensor on the device of `like`, with values still to be written.
Tensor allocate(Tensor const& like, Shape const& shape, ScalarType type);

//! PyTorch's threads for operators.
void inThreads(std::int64_t total, std::function<void(std::int64_t)> const& body);

//! A visitor of an operator's attributes, which are set already: it checks their ranges.
class AttributeChecker
{
public:
    explicit AttributeChecker(char const* operatorName)
        : mOperator(operatorName)
    {
    }

    void integer(char const* name, std::int64_t value, IntegerRange range) const
    {
        requireInRange(mOperator, name, value, range);
    }

    void optionalInteger(char const* name, std::int64_t value, IntegerRange range) const
    {
        requireInRange(mOperator, name, value, range);
    }

    void ascendingIntegers(char const* name, std::vector<std::int64_t> const& values,
        IntegerRange range, IntegerRange count) const
    {
        requireAscending(mOperator, name, values, range, count);
    }

    void number(char const* name, float value, NumberRange range) const
    {
        requireInRange(mOperator, name, value, range);
    }

private:
    char const* mOperator;
};

//! Throw std::invalid_argument for the first attribute that is out of range.
template <typename Attributes>
Attributes checked(Attributes attributes)
{
    AttributeChecker const checker(Attributes::kOperatorName);
    attributes.visit(checker);
    return attributes;
}

//! Call `body` with a value of the type whose elements a tensor has, float or Half.
template <typename Body>
void withElements(Tensor const& tensor, Body const& body)
{
    if (tensor.scalar_type() == ScalarType::Half)
    {
        body(Half{});
    }
    else
    {
        body(float{});
    }
}

// Each in the file of its name: what the operator is called with, and what computes it on the CPU.
void addMultiScaleRoIAlign(TorchLibrary& schemas, TorchLibrary& cpu);
void addBatchedNMS(TorchLibrary& schemas, TorchLibrary& cpu);
void addBoundaryRefine(TorchLibrary& schemas, TorchLibrary& cpu);
void addPasteMasks(TorchLibrary& schemas, TorchLibrary& cpu);
void addPlaces(TorchLibrary& schemas, TorchLibrary& cpu);

} // namespace refinemask
