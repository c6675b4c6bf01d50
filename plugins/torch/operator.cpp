#include "torch/operator.h"

#include "operators/errors.h"

namespace refinemask
{

namespace
{

std::string nameOf(ScalarType type)
{
    return torch::headeronly::toString(type);
}

} // namespace

Shape shapeOf(Tensor const& tensor)
{
    auto const sizes = tensor.sizes();
    return Shape(sizes.begin(), sizes.end());
}

void requireType(char const* operatorName, char const* name, Tensor const& tensor,
    std::initializer_list<ScalarType> allowed)
{
    std::string names;
    for (ScalarType const type : allowed)
    {
        if (tensor.scalar_type() == type)
        {
            return;
        }
        names += (names.empty() ? "" : " or ") + nameOf(type);
    }
    fail(operatorName, name, " must be ", names, ", got ", nameOf(tensor.scalar_type()));
}

void requireSameDevice(
    char const* operatorName, char const* name, Tensor const& tensor, Tensor const& first)
{
    if (tensor.device() != first.device())
    {
        fail(operatorName, "all inputs must be on one device, and ", name, " is on another");
    }
}

Tensor allocate(Tensor const& like, Shape const& shape, ScalarType type)
{
    return torch::stable::new_empty(like, shape, type);
}

void inThreads(std::int64_t total, std::function<void(std::int64_t)> const& body)
{
    torch::stable::parallel_for(0, total, 1,
        [&](std::int64_t begin, std::int64_t end)
        {
            for (std::int64_t index = begin; index < end; ++index)
            {
                body(index);
            }
        });
}

} // namespace refinemask
