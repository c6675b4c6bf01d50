#include "onnxruntime/operator.h"

#include <algorithm>
#include <atomic>
#include <exception>
#include <functional>

namespace refinemask
{

std::string toText(Shape const& shape)
{
    std::ostringstream text;
    text << '(';
    for (std::size_t index = 0; index < shape.size(); ++index)
    {
        text << (index > 0 ? ", " : "") << shape[index];
    }
    text << (shape.size() == 1 ? ",)" : ")");
    return text.str();
}

namespace
{

template <typename T>
bool isReadable(Ort::ConstKernelInfo const& info, char const* name)
{
    try
    {
        info.GetAttribute<T>(name);
        return true;
    }
    catch (Ort::Exception const&)
    {
        return false;
    }
}

template <typename T>
bool areReadable(Ort::ConstKernelInfo const& info, char const* name)
{
    try
    {
        info.GetAttributes<T>(name);
        return true;
    }
    catch (Ort::Exception const&)
    {
        return false;
    }
}

} // namespace

char const* AttributeReader::typeOf(char const* name) const
{
    // The runtime has no call that asks for the type; it refuses to read one as another.
    return isReadable<std::int64_t>(mInfo, name) ? "an integer"
        : isReadable<float>(mInfo, name)         ? "a float"
        : isReadable<std::string>(mInfo, name)   ? "a string"
        : areReadable<std::int64_t>(mInfo, name) ? "a list of integers"
        : areReadable<float>(mInfo, name)        ? "a list of floats"
                                                 : nullptr;
}

void AttributeReader::failType(char const* name, char const* wanted) const
{
    char const* const type = typeOf(name);
    fail(mOperator, "attribute ", name, " must be ", wanted, ", got ",
        type != nullptr ? type : "none", "; export the model again with this version");
}

void AttributeReader::requireInRange(char const* name, std::int64_t value, IntegerRange range) const
{
    if (value < range.lowest || value > range.highest)
    {
        fail(mOperator, "attribute ", name, " must be from ", range.lowest, " to ", range.highest,
            ", got ", value);
    }
}

void AttributeReader::integer(char const* name, std::int64_t& value, IntegerRange range) const
{
    if (!isReadable<std::int64_t>(mInfo, name))
    {
        failType(name, "an integer");
    }
    value = mInfo.GetAttribute<std::int64_t>(name);
    requireInRange(name, value, range);
}

void AttributeReader::optionalInteger(
    char const* name, std::int64_t& value, IntegerRange range) const
{
    if (typeOf(name) != nullptr)
    {
        integer(name, value, range);
    }
}

void AttributeReader::ascendingIntegers(char const* name, std::vector<std::int64_t>& values,
    IntegerRange range, IntegerRange count) const
{
    // The runtime reads an attribute that is no list as an empty one.
    values = areReadable<std::int64_t>(mInfo, name) ? mInfo.GetAttributes<std::int64_t>(name)
                                                    : std::vector<std::int64_t>{};
    if (values.empty())
    {
        failType(name, "a list of integers");
    }
    auto const length = static_cast<std::int64_t>(values.size());
    if (length < count.lowest || length > count.highest)
    {
        fail(mOperator, "attribute ", name, " must hold ", count.lowest, " to ", count.highest,
            " integers, got ", toText(values));
    }
    for (std::int64_t const value : values)
    {
        requireInRange(name, value, range);
    }
    if (std::adjacent_find(values.begin(), values.end(), std::greater_equal<>()) != values.end())
    {
        fail(mOperator, "attribute ", name, " must ascend, got ", toText(values));
    }
}

void AttributeReader::number(char const* name, float& value, NumberRange range) const
{
    if (!isReadable<float>(mInfo, name))
    {
        failType(name, "a float");
    }
    value = mInfo.GetAttribute<float>(name);
    if (!range.contains(value))
    {
        fail(mOperator, "attribute ", name, " must be ", range.excludeLowest ? "above " : "from ",
            range.lowest, range.excludeLowest ? " and at most " : " to ", range.highest, ", got ",
            value);
    }
}

ParallelFor threadPool(Ort::KernelContext const& context)
{
    return [context](std::int64_t total, std::function<void(std::int64_t)> const& body)
    {
        struct Work
        {
            std::function<void(std::int64_t)> const& body;
            std::atomic_flag failed = ATOMIC_FLAG_INIT;
            std::exception_ptr error;
        } work{body, {}, nullptr};
        auto const run = [](void* data, std::size_t index)
        {
            // The runtime's threads have nobody to catch what is thrown.
            Work& shared = *static_cast<Work*>(data);
            try
            {
                shared.body(static_cast<std::int64_t>(index));
            }
            catch (...)
            {
                if (!shared.failed.test_and_set())
                {
                    shared.error = std::current_exception();
                }
            }
        };
        auto const tasks = static_cast<std::size_t>(total);
        // As many batches as tasks: a thread that is done takes the next one.
        context.ParallelFor(run, tasks, tasks, &work);
        if (work.error)
        {
            std::rethrow_exception(work.error);
        }
    };
}

ShapeInference::ShapeInference(OrtShapeInferContext* context)
    : mContext(context)
{
    OrtApi const& api = Ort::GetApi();
    std::size_t count = 0;
    Ort::ThrowOnError(api.ShapeInferContext_GetInputCount(context, &count));
    for (std::size_t index = 0; index < count; ++index)
    {
        OrtTensorTypeAndShapeInfo* borrowed = nullptr;
        Ort::ThrowOnError(api.ShapeInferContext_GetInputTypeShape(context, index, &borrowed));
        Ort::detail::TensorTypeAndShapeInfoImpl<
            Ort::detail::Unowned<OrtTensorTypeAndShapeInfo>> const info(borrowed);
        Shape const lengths = info.GetShape();
        std::vector<char const*> names(lengths.size(), "");
        if (!names.empty())
        {
            info.GetSymbolicDimensions(names.data(), names.size());
        }
        Tensor tensor{info.GetElementType(), {}};
        for (std::size_t axis = 0; axis < lengths.size(); ++axis)
        {
            tensor.dimensions.push_back(
                Dimension{lengths[axis], names[axis] != nullptr ? names[axis] : ""});
        }
        mInputs.push_back(std::move(tensor));
    }
}

std::int64_t ShapeInference::integer(char const* name) const
{
    OrtApi const& api = Ort::GetApi();
    OrtOpAttr const* attribute = nullptr;
    Ort::Status const found(api.ShapeInferContext_GetAttribute(mContext, name, &attribute));
    if (!found.IsOK() || attribute == nullptr)
    {
        return -1;
    }
    std::int64_t value = -1;
    std::size_t size = 0;
    Ort::Status const read(
        api.ReadOpAttr(attribute, ORT_OP_ATTR_INT, &value, sizeof(value), &size));
    return read.IsOK() ? value : -1;
}

void ShapeInference::setOutput(std::size_t index, ONNXTensorElementDataType type,
    std::vector<Dimension> const& dimensions) const
{
    OrtApi const& api = Ort::GetApi();
    OrtTensorTypeAndShapeInfo* created = nullptr;
    Ort::ThrowOnError(api.CreateTensorTypeAndShapeInfo(&created));
    Ort::TensorTypeAndShapeInfo const info(created);
    Ort::ThrowOnError(api.SetTensorElementType(created, type));
    // ONNX Runtime takes a length without a name for a number, also -1, and what follows from it
    // fails; a name of several dimensions says that they are equal, so each gets its own.
    static std::atomic<std::uint64_t> unknown{0};
    Shape lengths;
    std::vector<std::string> texts;
    for (Dimension const& dimension : dimensions)
    {
        bool const named = dimension.length >= 0 || !dimension.name.empty();
        lengths.push_back(dimension.length);
        texts.push_back(named ? dimension.name : "refinemask_" + std::to_string(unknown++));
    }
    std::vector<char const*> names;
    for (std::string const& text : texts)
    {
        names.push_back(text.c_str());
    }
    Ort::ThrowOnError(api.SetDimensions(created, lengths.data(), lengths.size()));
    Ort::ThrowOnError(api.SetSymbolicDimensions(created, names.data(), names.size()));
    Ort::ThrowOnError(api.ShapeInferContext_SetOutputTypeShape(mContext, index, created));
}

} // namespace refinemask
