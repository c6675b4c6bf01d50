#include "runtime/onnx_graph.h"

#include "operators/errors.h"
#include "runtime/protobuf.h"

#include <optional>

namespace refinemask::runtime
{
namespace
{

// Numbers of the fields of ONNX's messages.
namespace model
{
constexpr std::uint64_t kGraph = 7;
constexpr std::uint64_t kOpsets = 8;
constexpr std::uint64_t kProperties = 14;
constexpr std::uint64_t kTraining = 20;
constexpr std::uint64_t kFunctions = 25;
} // namespace model

namespace graph
{
constexpr std::uint64_t kNodes = 1;
constexpr std::uint64_t kTensors = 5;
constexpr std::uint64_t kInputs = 11;
constexpr std::uint64_t kOutputs = 12;
constexpr std::uint64_t kSparseTensors = 15;
} // namespace graph

namespace node
{
constexpr std::uint64_t kOperator = 4;
constexpr std::uint64_t kAttributes = 5;
constexpr std::uint64_t kDomain = 7;
} // namespace node

namespace attribute
{
constexpr std::uint64_t kTensor = 5;
constexpr std::uint64_t kGraph = 6;
constexpr std::uint64_t kTensors = 10;
constexpr std::uint64_t kGraphs = 11;
constexpr std::uint64_t kSparseTensor = 22;
constexpr std::uint64_t kSparseTensors = 23;
} // namespace attribute

namespace tensor
{
constexpr std::uint64_t kFile = 13;
constexpr std::uint64_t kLocation = 14;
} // namespace tensor

constexpr std::uint64_t kFirst = 1; // of a message with few fields
constexpr std::uint64_t kSecond = 2;
constexpr std::uint64_t kDenotation = 6; // of a type

[[noreturn]] void refuse(char const* what)
{
    throw std::invalid_argument(concatenate("it has ", what, ", which no artifact has"));
}

void checkTensor(std::string_view message)
{
    Fields field(message);
    while (field.next())
    {
        if (field.number == tensor::kFile
            || (field.number == tensor::kLocation && !(field.isInteger && field.integer == 0)))
        {
            refuse("tensors outside of the file");
        }
    }
}

void checkDomain(std::string_view domain, OnnxGraph& found)
{
    if (domain == "refinemask")
    {
        found.hasOurOperators = true;
    }
    else if (!domain.empty() && domain != "ai.onnx")
    {
        refuse("operators of an unknown domain");
    }
}

ValueInfo readValue(std::string_view message);

void readContent(std::string_view message, OnnxGraph& found, bool isLoop);

//! Check an attribute; append the graph that it holds.
void checkAttribute(std::string_view message, std::vector<std::string_view>& graphs)
{
    Fields field(message);
    while (field.next())
    {
        switch (field.number)
        {
        case attribute::kTensor:
        case attribute::kTensors:
            checkTensor(field.content);
            break;
        case attribute::kGraph:
            graphs.push_back(field.content);
            break;
        case attribute::kGraphs:
            refuse("graphs inside a node");
        case attribute::kSparseTensor:
        case attribute::kSparseTensors:
            refuse("sparse tensors");
        default:
            break;
        }
    }
}

void checkNode(std::string_view message, OnnxGraph& found, bool isInLoop)
{
    std::string_view domain;
    std::string_view type;
    std::vector<std::string_view> graphs;
    Fields field(message);
    while (field.next())
    {
        switch (field.number)
        {
        case node::kDomain:
            domain = field.content;
            checkDomain(domain, found);
            break;
        case node::kOperator:
            type = field.content;
            break;
        case node::kAttributes:
            checkAttribute(field.content, graphs);
            break;
        default:
            break;
        }
    }
    if (graphs.empty())
    {
        return;
    }
    if (graphs.size() > 1 || type != "Loop" || domain == "refinemask")
    {
        refuse("a graph inside a node that is no loop");
    }
    if (isInLoop)
    {
        refuse("a loop inside a loop");
    }
    found.hasLoops = true;
    readContent(graphs.front(), found, true);
}

void readContent(std::string_view message, OnnxGraph& found, bool isLoop)
{
    Fields field(message);
    while (field.next())
    {
        switch (field.number)
        {
        case graph::kNodes:
            checkNode(field.content, found, isLoop);
            break;
        case graph::kTensors:
            checkTensor(field.content);
            break;
        case graph::kSparseTensors:
            refuse("sparse tensors");
        case graph::kInputs:
        case graph::kOutputs:
            if (!isLoop)
            {
                (field.number == graph::kInputs ? found.inputs : found.outputs)
                    .push_back(readValue(field.content));
            }
            break;
        default:
            break;
        }
    }
}

char const* typeName(std::uint64_t type)
{
    switch (type)
    {
    case 1:
        return "float32";
    case 2:
        return "uint8";
    case 7:
        return "int64";
    case 9:
        return "bool";
    default:
        return "";
    }
}

std::int64_t readLength(std::string_view dimension)
{
    std::int64_t length = kUnknown;
    Fields field(dimension);
    while (field.next())
    {
        if (field.number == kFirst && field.isInteger)
        {
            length = static_cast<std::int64_t>(field.integer);
        }
        else if (field.number == kSecond)
        {
            length = kUnknown;
        }
    }
    return length;
}

void readTensorType(std::string_view message, ValueInfo& value)
{
    Fields field(message);
    while (field.next())
    {
        if (field.number == kFirst && field.isInteger)
        {
            value.type = typeName(field.integer);
        }
        else if (field.number == kSecond)
        {
            Fields dimension(field.content);
            while (dimension.next())
            {
                if (dimension.number == kFirst)
                {
                    value.shape.push_back(readLength(dimension.content));
                }
            }
        }
    }
}

ValueInfo readValue(std::string_view message)
{
    ValueInfo value;
    Fields field(message);
    while (field.next())
    {
        if (field.number == kFirst)
        {
            value.name = field.content;
        }
        else if (field.number == kSecond)
        {
            Fields kind(field.content);
            while (kind.next())
            {
                if (kind.number == kFirst)
                {
                    readTensorType(kind.content, value);
                }
                else if (kind.number != kDenotation)
                {
                    refuse("inputs or outputs that are no tensors");
                }
            }
        }
    }
    return value;
}

} // namespace

std::string onnxProperty(std::string_view file, std::string_view key)
{
    std::optional<std::string> found;
    Fields field(file);
    while (field.next())
    {
        if (field.number != model::kProperties)
        {
            continue;
        }
        std::string_view name;
        std::string_view value;
        Fields entry(field.content);
        while (entry.next())
        {
            if (entry.number == kFirst)
            {
                name = entry.content;
            }
            else if (entry.number == kSecond)
            {
                value = entry.content;
            }
        }
        if (name == key)
        {
            found = std::string(value);
        }
    }
    if (!found)
    {
        throw std::invalid_argument(concatenate("it has no property ", std::string(key)));
    }
    return *found;
}

bool operator==(ValueInfo const& a, ValueInfo const& b)
{
    return a.name == b.name && a.type == b.type && a.shape == b.shape;
}

std::string toText(ValueInfo const& value)
{
    return concatenate(value.name, ' ', value.type.empty() ? "of another type" : value.type, ' ',
        refinemask::toText(value.shape));
}

OnnxGraph readGraph(std::string_view file)
{
    OnnxGraph found;
    Fields field(file);
    while (field.next())
    {
        switch (field.number)
        {
        case model::kGraph:
            readContent(field.content, found, false);
            break;
        case model::kOpsets:
        {
            Fields opset(field.content);
            while (opset.next())
            {
                if (opset.number == kFirst)
                {
                    checkDomain(opset.content, found);
                }
            }
            break;
        }
        case model::kTraining:
            refuse("training information");
        case model::kFunctions:
            refuse("functions of its own");
        default:
            break;
        }
    }
    return found;
}

} // namespace refinemask::runtime
