#include "runtime/metadata.h"

#include "runtime/error.h"

#include <algorithm>
#include <initializer_list>
#include <limits>
#include <nlohmann/json.hpp>

namespace refinemask::runtime
{
namespace
{

using Json = nlohmann::json;

// As in refinemask/inference/metadata.py and sizes.py.
constexpr std::int64_t kSchemaVersion = 2;
constexpr std::size_t kLongestMetadata = 1U << 22;
constexpr std::int64_t kDivisor = 32;
constexpr std::int64_t kLargestSize = 2048;
constexpr std::int64_t kLargestBatch = 256;
constexpr std::int64_t kMostDetections = 1000;

[[noreturn]] void refuse(std::string const& problem)
{
    raise(
        REFINEMASK_INVALID_ARTIFACT, problem, "; export the artifact again with refinemask-export");
}

std::int64_t readInteger(Json const& object, char const* name, std::int64_t least,
    std::int64_t most, std::int64_t step = 1)
{
    Json const& value = object.at(name);
    if (!value.is_number_integer() || value < least || value > most
        || value.get<std::int64_t>() % step != 0)
    {
        refuse(concatenate("the metadata have ", name, " = ", value.dump().substr(0, 60),
            ", which must be from ", least, " to ", most, " in steps of ", step));
    }
    return value.get<std::int64_t>();
}

std::int64_t readOptional(
    Json const& object, char const* name, std::int64_t least, std::int64_t most, std::int64_t step)
{
    return object.at(name).is_null() ? 0 : readInteger(object, name, least, most, step);
}

std::string readChoice(
    Json const& object, char const* name, std::initializer_list<char const*> allowed)
{
    auto const value = object.at(name).get<std::string>();
    if (std::find(allowed.begin(), allowed.end(), value) == allowed.end())
    {
        refuse(concatenate("the metadata have ", name, " = ", value.substr(0, 60),
            ", which this version of the library does not know"));
    }
    return value;
}

InputLimits readLimits(Json const& object)
{
    InputLimits limits{};
    limits.shortSide = readInteger(object, "short_side", 1, kLargestSize);
    limits.longSide = readInteger(object, "long_side", limits.shortSide, kLargestSize);
    limits.divisor = readInteger(object, "divisor", kDivisor, kLargestSize, kDivisor);
    limits.minSize = readInteger(object, "min_size", kDivisor, kLargestSize, limits.divisor);
    limits.maxSize = readInteger(object, "max_size", limits.minSize, kLargestSize, limits.divisor);
    limits.height = readOptional(object, "height", limits.minSize, limits.maxSize, limits.divisor);
    limits.width = readOptional(object, "width", limits.minSize, limits.maxSize, limits.divisor);
    limits.batch = readOptional(object, "batch", 1, kLargestBatch, 1);
    return limits;
}

Metadata readMetadata(Json const& object)
{
    Json const& version = object.at("schema_version");
    if (version != kSchemaVersion)
    {
        refuse(concatenate("the metadata have schema version ", version.dump().substr(0, 20),
            ", and this library reads ", kSchemaVersion));
    }
    Metadata read{};
    read.preset = object.at("preset").get<std::string>();
    read.form = readChoice(object, "form", {"portable", "fused", "static"});
    read.outputs = readChoice(object, "outputs", {"detections", "masks"});
    read.precision = readChoice(object, "precision", {"float32", "float16"});
    read.classNames = object.at("class_names").get<std::vector<std::string>>();
    read.categoryIds = object.at("category_ids").get<std::vector<std::int64_t>>();
    read.limits = readLimits(object.at("input_limits"));
    read.maxDetections = readInteger(object.at("config"), "max_detections", 1, kMostDetections);
    if (read.classNames.empty() || read.classNames.size() != read.categoryIds.size())
    {
        refuse(concatenate("the metadata have ", read.classNames.size(), " class names and ",
            read.categoryIds.size(), " category ids"));
    }
    return read;
}

} // namespace

Metadata parseMetadata(std::string const& json)
{
    try
    {
        if (json.size() > kLongestMetadata)
        {
            refuse("the metadata are too long");
        }
        return readMetadata(Json::parse(json));
    }
    catch (Json::exception const& error)
    {
        refuse(concatenate("the metadata are damaged (", error.what(), ")"));
    }
}

} // namespace refinemask::runtime
