// Shapes as TensorRT's builder has them: expressions whose values may not be known yet.
#pragma once

#include <NvInferRuntime.h>
#include <algorithm>
#include <deque>
#include <limits>
#include <stdexcept>
#include <vector>

namespace refinemask::test
{

using nvinfer1::DimensionOperation;
using nvinfer1::IDimensionExpr;

//! A dimension whose value is known to the test, though a builder would not know it yet.
class Dimension final : public IDimensionExpr
{
public:
    Dimension(std::int64_t value, bool constant, bool sizeTensor)
        : mState(value, constant, sizeTensor)
    {
        mImpl = &mState;
    }

    ~Dimension() noexcept override = default;

    std::int64_t value() const
    {
        return mState.value;
    }

private:
    struct State final : nvinfer1::apiv::VDimensionExpr
    {
        State(std::int64_t value_, bool constant_, bool sizeTensor_)
            : value(value_)
            , constant(constant_)
            , sizeTensor(sizeTensor_)
        {
        }

        bool isConstant() const override
        {
            return constant;
        }

        std::int64_t getConstantValue() const override
        {
            return constant ? value : std::numeric_limits<std::int64_t>::min();
        }

        bool isSizeTensor() const override
        {
            return sizeTensor;
        }

        std::int64_t value;
        bool constant;
        bool sizeTensor;
    };

    State mState;
};

inline std::int64_t valueOf(IDimensionExpr const& expression)
{
    return static_cast<Dimension const&>(expression).value();
}

class ExprBuilder final : public nvinfer1::IExprBuilder
{
public:
    //! Whether the sizes of inputs are known when shapes are asked for.
    explicit ExprBuilder(bool known)
        : mKnown(known)
    {
        mImpl = &mState;
    }

    ~ExprBuilder() noexcept override = default;

    nvinfer1::DimsExprs dims(std::vector<std::int64_t> const& sizes)
    {
        nvinfer1::DimsExprs made{};
        made.nbDims = static_cast<std::int32_t>(sizes.size());
        for (std::size_t i = 0; i < sizes.size(); ++i)
        {
            made.d[i] = &mState.made.emplace_back(sizes[i], mKnown, false);
        }
        return made;
    }

    std::vector<std::int64_t> const& upperBounds() const
    {
        return mState.upperBounds;
    }

    std::vector<std::int32_t> const& sizeOutputs() const
    {
        return mState.sizeOutputs;
    }

private:
    struct State final : nvinfer1::apiv::VExprBuilder
    {
        IDimensionExpr const* constant(std::int64_t value) override
        {
            return &made.emplace_back(value, true, false);
        }

        IDimensionExpr const* operation(DimensionOperation operation, IDimensionExpr const& first,
            IDimensionExpr const& second) override
        {
            std::int64_t const a = valueOf(first);
            std::int64_t const b = valueOf(second);
            bool const constant = first.isConstant() && second.isConstant();
            switch (operation)
            {
            case DimensionOperation::kSUM:
                return &made.emplace_back(a + b, constant, false);
            case DimensionOperation::kPROD:
                return &made.emplace_back(a * b, constant, false);
            case DimensionOperation::kMIN:
                return &made.emplace_back(std::min(a, b), constant, false);
            case DimensionOperation::kCEIL_DIV:
                return &made.emplace_back((a + b - 1) / b, constant, false);
            default:
                throw std::invalid_argument("an operation that the test does not know");
            }
        }

        IDimensionExpr const* declareSizeTensor(std::int32_t outputIndex,
            IDimensionExpr const& optimum, IDimensionExpr const& upper) override
        {
            if (valueOf(optimum) > valueOf(upper))
            {
                throw std::invalid_argument("an optimum above the upper bound");
            }
            sizeOutputs.push_back(outputIndex);
            upperBounds.push_back(valueOf(upper));
            return &made.emplace_back(valueOf(optimum), false, true);
        }

        std::deque<Dimension> made;
        std::vector<std::int64_t> upperBounds;
        std::vector<std::int32_t> sizeOutputs;
    };

    State mState;
    bool mKnown;
};

} // namespace refinemask::test
