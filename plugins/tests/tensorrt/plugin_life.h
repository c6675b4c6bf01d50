// What TensorRT does with a plugin from its creation to its end, by hand.
#pragma once

#include "tests/check.h"
#include "tests/cuda/bfloat16.h"
#include "tests/random.h"

#include <NvInferRuntime.h>
#include <deque>
#include <initializer_list>
#include <memory>
#include <string>
#include <vector>

extern "C" nvinfer1::IPluginCreatorInterface* const* getCreators(
    std::int32_t& numCreators) noexcept;
extern "C" void setLoggerFinder(nvinfer1::ILoggerFinder* finder);

namespace refinemask::test
{

using nvinfer1::DataType;
using nvinfer1::PluginFieldType;
using PluginPointer = std::unique_ptr<nvinfer1::IPluginV3>;

//! Keeps what the plugins say while it lives.
class CapturedErrors : private nvinfer1::ILogger, private nvinfer1::ILoggerFinder
{
public:
    CapturedErrors()
    {
        setLoggerFinder(this);
    }

    ~CapturedErrors() override
    {
        setLoggerFinder(nullptr);
    }

    std::string const& text() const
    {
        return mText;
    }

    bool contain(std::string const& part) const
    {
        return mText.find(part) != std::string::npos;
    }

private:
    void log(Severity severity, char const* message) noexcept override
    {
        mText += severity == Severity::kERROR ? message : "not an error";
        mText += '\n';
    }

    nvinfer1::ILogger* findLogger() override
    {
        return this;
    }

    std::string mText;
};

//! Fields as a parser hands them over, with their values.
class Fields
{
public:
    Fields() = default;
    Fields(Fields&&) = default; // the values stay where they are; a copy's would not
    Fields(Fields const&) = delete;

    Fields& integers(char const* name, std::vector<std::int64_t> values)
    {
        mIntegers.push_back(std::move(values));
        return add(name, mIntegers.back(), PluginFieldType::kINT64);
    }

    Fields& integers32(char const* name, std::vector<std::int32_t> values)
    {
        mIntegers32.push_back(std::move(values));
        return add(name, mIntegers32.back(), PluginFieldType::kINT32);
    }

    Fields& number(char const* name, float value)
    {
        mNumbers.push_back({value});
        return add(name, mNumbers.back(), PluginFieldType::kFLOAT32);
    }

    //! Leave out a field.
    Fields& without(std::string const& name)
    {
        for (auto field = mFields.begin(); field != mFields.end(); ++field)
        {
            if (field->name == name)
            {
                mFields.erase(field);
                break;
            }
        }
        return *this;
    }

    std::vector<nvinfer1::PluginField>& list()
    {
        return mFields;
    }

    nvinfer1::PluginFieldCollection collection() const
    {
        return {static_cast<std::int32_t>(mFields.size()), mFields.data()};
    }

private:
    template <typename Values>
    Fields& add(char const* name, Values const& values, PluginFieldType type)
    {
        mFields.emplace_back(name, values.data(), type, static_cast<std::int32_t>(values.size()));
        return *this;
    }

    std::deque<std::vector<std::int64_t>> mIntegers;
    std::deque<std::vector<std::int32_t>> mIntegers32;
    std::deque<std::vector<float>> mNumbers;
    std::vector<nvinfer1::PluginField> mFields;
};

//! The library's creator of an operator, or nullptr.
nvinfer1::IPluginCreatorV3One* findCreator(std::string const& name);

PluginPointer create(std::string const& name, Fields const& fields,
    nvinfer1::TensorRTPhase phase = nvinfer1::TensorRTPhase::kBUILD);

nvinfer1::IPluginV3OneCore& coreOf(PluginPointer const& plugin);
nvinfer1::IPluginV3OneBuild& buildOf(PluginPointer const& plugin);
nvinfer1::IPluginV3OneRuntime& runtimeOf(PluginPointer const& plugin);

nvinfer1::Dims makeDims(std::vector<std::int64_t> const& sizes);

nvinfer1::PluginTensorDesc makeDesc(std::vector<std::int64_t> const& sizes, DataType type,
    nvinfer1::TensorFormat format = nvinfer1::TensorFormat::kLINEAR);

//! A shape as an engine's profile has it: `sizes` while it runs, at most that.
nvinfer1::DynamicPluginTensorDesc makeDynamicDesc(std::vector<std::int64_t> const& sizes,
    DataType type, nvinfer1::TensorFormat format = nvinfer1::TensorFormat::kLINEAR);

//! Whether a plugin takes these types and formats, asked for one tensor after the other.
bool acceptsFormats(PluginPointer const& plugin,
    std::vector<nvinfer1::DynamicPluginTensorDesc> const& tensors, std::int32_t numInputs);

//! The result of getOutputShapes() for inputs of certain sizes, which the builder may know already.
struct OutputShapes
{
    std::int32_t status;
    std::vector<std::vector<std::int64_t>> sizes;
    //! The upper bound of each size tensor that was declared, and at which output it is.
    std::vector<std::int64_t> upperBounds;
    std::vector<std::int32_t> sizeOutputs;
};

OutputShapes outputShapesOf(PluginPointer const& plugin,
    std::vector<std::vector<std::int64_t>> const& inputs,
    std::vector<std::vector<std::int64_t>> const& shapeInputs = {}, bool known = false);

//! Serialise a plugin of the build phase and make it again, attached to a context, as at run time.
PluginPointer reload(PluginPointer const& plugin);

//! The whole life around enqueue(): clone, serialise, attach, check shapes, run; then all is
//! destroyed. Returns the status of the first step that failed, or of enqueue().
std::int32_t run(PluginPointer const& plugin, std::vector<nvinfer1::PluginTensorDesc> const& inputs,
    std::vector<nvinfer1::PluginTensorDesc> const& outputs,
    std::vector<void const*> const& inputData, std::vector<void*> const& outputData);

template <typename T>
constexpr DataType dataType();

template <>
constexpr DataType dataType<float>()
{
    return DataType::kFLOAT;
}

template <>
constexpr DataType dataType<Half>()
{
    return DataType::kHALF;
}

template <>
constexpr DataType dataType<Bfloat16>()
{
    return DataType::kBF16;
}

template <typename T>
bool isSame(std::vector<T> const& a, std::vector<T> const& b)
{
    return a.size() == b.size()
        && (a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof(T)) == 0);
}

} // namespace refinemask::test
