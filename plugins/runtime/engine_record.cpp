#include "runtime/engine_record.h"

#include "runtime/error.h"
#include "runtime/sha256.h"
#include "runtime/tensorrt_interface.h"

#include <algorithm>
#include <cctype>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>

namespace refinemask::runtime
{
namespace
{

using Json = nlohmann::json;

constexpr std::int64_t kSchemaVersion = 1;
constexpr std::uintmax_t kLargestRecord = 1U << 22;
constexpr std::size_t kLongestText = 4U << 12; // bytes, of up to 4096 characters
constexpr char const* kSuffixes[] = {".engine", ".plan"};

[[noreturn]] void damaged(std::string const& what)
{
    raise(REFINEMASK_INVALID_ARTIFACT, "it is damaged (", what, ")");
}

std::string readText(Json const& value)
{
    auto const text = value.get<std::string>();
    bool const isClean = std::none_of(text.begin(), text.end(),
        [](char letter)
        {
            return static_cast<unsigned char>(letter) < 0x20 || letter == 0x7f;
        });
    if (text.size() > kLongestText || !isClean)
    {
        damaged("a text is " + value.dump(-1, ' ', true).substr(0, 60));
    }
    return text;
}

std::vector<std::string> readTexts(Json const& values)
{
    std::vector<std::string> texts;
    std::transform(values.begin(), values.end(), std::back_inserter(texts), readText);
    return texts;
}

std::string readDigest(Json const& value)
{
    auto const digest = value.get<std::string>();
    if (digest.size() != 64 || digest.find_first_not_of("0123456789abcdef") != std::string::npos)
    {
        damaged("a hash is " + value.dump(-1, ' ', true).substr(0, 60));
    }
    return digest;
}

Shape readShape(Json const& values)
{
    Shape shape;
    for (Json const& value : values)
    {
        if (!value.is_number_unsigned())
        {
            damaged("the profile has the shape " + values.dump().substr(0, 60));
        }
        shape.push_back(value.get<std::int64_t>());
    }
    return shape;
}

//! Read a minimum, an optimum and a maximum of one rank, in this order in each dimension.
ShapeRange readRange(Json const& triple)
{
    Shape const minimum = readShape(triple.at(0));
    Shape const optimum = readShape(triple.at(1));
    Shape const maximum = readShape(triple.at(2));
    bool isOrdered = triple.size() == 3 && minimum.size() == optimum.size()
        && optimum.size() == maximum.size();
    for (std::size_t i = 0; isOrdered && i < minimum.size(); ++i)
    {
        isOrdered = minimum[i] <= optimum[i] && optimum[i] <= maximum[i];
    }
    if (!isOrdered)
    {
        damaged("the profile has the shapes " + triple.dump().substr(0, 60));
    }
    return {minimum, maximum};
}

//! Quote a word for a shell, as Python's shlex does.
std::string quoted(std::string const& word)
{
    bool const isSafe = !word.empty()
        && std::all_of(word.begin(), word.end(),
            [](unsigned char letter)
            {
                return letter < 0x80
                    && (std::isalnum(letter) != 0 || std::strchr("_@%+=:,./-", letter) != nullptr);
            });
    if (isSafe)
    {
        return word;
    }
    std::string text = "'";
    for (char const letter : word)
    {
        text += letter == '\'' ? std::string("'\"'\"'") : std::string(1, letter);
    }
    return text + "'";
}

EngineRecord readRecord(std::string const& path, std::string const& text)
{
    Json const object = Json::parse(text);
    Json const& version = object.at("schema_version");
    if (version != kSchemaVersion)
    {
        raise(REFINEMASK_INVALID_ARTIFACT, "it has the schema version ",
            version.dump().substr(0, 20), ", and this library reads ", kSchemaVersion);
    }
    EngineRecord record{};
    record.engine.path = path;
    record.engine.json = object.at("metadata").dump();
    record.engine.metadata = parseMetadata(record.engine.json);
    record.engine.digest = readDigest(object.at("engine_sha256"));
    record.runtime = readText(object.at("runtime"));
    if (findFlavour(record.runtime) == nullptr)
    {
        damaged("the runtime is " + record.runtime.substr(0, 60));
    }
    record.runtimeVersion = readText(object.at("runtime_version"));
    std::size_t const digits = record.runtimeVersion.find_first_not_of("0123456789");
    if (digits == 0 || digits == std::string::npos || record.runtimeVersion[digits] != '.')
    {
        damaged("the version is " + record.runtimeVersion.substr(0, 60)); // it names a library
    }
    for (auto const& [name, triple] : object.at("profile").at("shapes").items())
    {
        record.shapes.emplace(name, readRange(triple));
    }
    record.capabilities = readTexts(object.at("compute_capabilities"));
    if (Json const& digest = object.at("plugins_sha256"); !digest.is_null())
    {
        record.pluginsDigest = readDigest(digest);
    }
    record.options = readTexts(object.at("options"));
    record.command = concatenate("refinemask build ", quoted(readText(object.at("artifact"))),
        " --runtime ", record.runtime, " --output ", quoted(path));
    for (std::string const& option : record.options)
    {
        record.command += " " + quoted(option);
    }
    return record;
}

//! Read the record beside an engine.
EngineRecord readSidecar(std::string const& path)
{
    std::string const beside = path + ".json";
    std::error_code code;
    if (!std::filesystem::is_regular_file(std::filesystem::u8path(beside), code))
    {
        raise(REFINEMASK_INVALID_ARTIFACT, path, " has no record ", beside,
            " beside it, and engines are code: only those that refinemask build wrote are opened; "
            "copy the two files together, or build it again");
    }
    std::string problem;
    try
    {
        if (std::filesystem::file_size(std::filesystem::u8path(beside)) > kLargestRecord)
        {
            raise(REFINEMASK_INVALID_ARTIFACT, "it is too large");
        }
        auto const bytes = readBytes(beside);
        if (!bytes)
        {
            raise(REFINEMASK_INVALID_ARTIFACT, "it cannot be read");
        }
        return readRecord(path, {bytes->begin(), bytes->end()});
    }
    catch (Json::exception const& error)
    {
        problem = concatenate("it is damaged (", error.what(), ")");
    }
    catch (Error const& error)
    {
        problem = error.what();
    }
    raise(REFINEMASK_INVALID_ARTIFACT, beside, " is not the record of an engine: ", problem,
        "; build the engine again with refinemask build");
}

} // namespace

std::optional<Bytes> readBytes(std::string const& path)
{
    std::filesystem::path const file = std::filesystem::u8path(path);
    std::error_code code;
    if (!std::filesystem::is_regular_file(file, code))
    {
        return std::nullopt;
    }
    std::ifstream stream(file, std::ios::binary);
    Bytes content(std::filesystem::file_size(file));
    stream.read(
        reinterpret_cast<char*>(content.data()), static_cast<std::streamsize>(content.size()));
    return stream ? std::optional<Bytes>(std::move(content)) : std::nullopt;
}

bool isEnginePath(std::string const& path)
{
    return std::any_of(std::begin(kSuffixes), std::end(kSuffixes),
        [&](std::string const& suffix)
        {
            return path.size() > suffix.size()
                && path.compare(path.size() - suffix.size(), suffix.size(), suffix) == 0;
        });
}

EngineRecord openEngine(std::string const& path)
{
    auto content = readBytes(path);
    if (!content)
    {
        raise(REFINEMASK_INVALID_ARTIFACT, "engine ", path,
            " does not exist or cannot be read; build it with: refinemask build ARTIFACT --runtime "
            "tensorrt or tensorrt_rtx --output ",
            quoted(path));
    }
    EngineRecord record = readSidecar(path);
    if (sha256(content->data(), content->size()) != record.engine.digest)
    {
        raise(REFINEMASK_INVALID_ARTIFACT, path, " is not the engine that ", path,
            ".json is about: it was damaged, cut short or exchanged; copy the two files again, or "
            "build it with: ",
            record.command);
    }
    record.engine.content = std::move(*content);
    return record;
}

} // namespace refinemask::runtime
