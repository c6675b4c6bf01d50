#include "runtime/artifact.h"

#include "runtime/error.h"
#include "runtime/onnx_graph.h"
#include "runtime/sha256.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

namespace refinemask::runtime
{
namespace
{

constexpr char const* kMetadataKey = "refinemask";
constexpr char const* kAgain = "export it again with refinemask-export";
constexpr std::uintmax_t kLargestFile = 1ULL << 31; // no ONNX file has as many bytes
constexpr std::uintmax_t kLargestSidecar = 1U << 22;

constexpr std::size_t kDigits = 64;

//! What a file ends with, before the digits: a property of the model, as protobuf writes it.
std::string sealPrefix()
{
    std::string const key = "refinemask_sha256";
    std::string entry = std::string{'\x0a', static_cast<char>(key.size())} + key
        + std::string{'\x12', static_cast<char>(kDigits)};
    return std::string{'\x72', static_cast<char>(entry.size() + kDigits)} + entry;
}

Bytes readFile(std::string const& path)
{
    std::error_code code;
    std::filesystem::path const file = std::filesystem::u8path(path);
    if (!std::filesystem::exists(file, code))
    {
        raise(REFINEMASK_INVALID_ARTIFACT, "artifact ", path,
            " does not exist; make it with refinemask-export --model MODEL --output ", path);
    }
    if (!std::filesystem::is_regular_file(file, code))
    {
        raise(REFINEMASK_INVALID_ARTIFACT, "artifact ", path, " is not a file; give an ONNX file");
    }
    std::uintmax_t const size = std::filesystem::file_size(file, code);
    if (code || size == 0 || size >= kLargestFile)
    {
        raise(REFINEMASK_INVALID_ARTIFACT, "artifact ", path, " has ", code ? 0 : size,
            " bytes, and ONNX files have from 1 to ", kLargestFile - 1, "; ", kAgain);
    }
    Bytes content(size);
    std::ifstream stream(file, std::ios::binary);
    stream.read(reinterpret_cast<char*>(content.data()), static_cast<std::streamsize>(size));
    if (!stream)
    {
        raise(REFINEMASK_INVALID_ARTIFACT, "cannot read ", path, ": ", std::strerror(errno));
    }
    return content;
}

//! Return the digest in the seal of a file, or "" if the file has changed or has no seal.
std::string checkSeal(Bytes const& content)
{
    std::string const prefix = sealPrefix();
    if (content.size() < prefix.size() + kDigits)
    {
        return "";
    }
    std::size_t const end = content.size() - prefix.size() - kDigits;
    std::string const digest = sha256(content.data(), end);
    std::string const seal = prefix + digest;
    return std::equal(seal.begin(), seal.end(), content.begin() + static_cast<std::ptrdiff_t>(end),
               [](char a, std::uint8_t b)
               {
                   return static_cast<std::uint8_t>(a) == b;
               })
        ? digest
        : "";
}

std::string_view viewOf(Bytes const& content)
{
    return {reinterpret_cast<char const*>(content.data()), content.size()};
}

constexpr std::int64_t kAny = kUnknown; // of the length of a dimension that is dynamic

std::int64_t orAny(std::int64_t fixed)
{
    return fixed > 0 ? fixed : kAny;
}

std::vector<ValueInfo> expectedInputs(Metadata const& metadata)
{
    InputLimits const& limits = metadata.limits;
    std::int64_t const batch = orAny(limits.batch);
    std::vector<ValueInfo> inputs{
        {"images", "uint8", {batch, orAny(limits.height), orAny(limits.width), 3}},
        {"image_sizes", "int64", {batch, 2}}};
    if (metadata.outputs == "masks")
    {
        inputs.push_back({"rois", "float32", {kAny, 5}});
        inputs.push_back({"labels", "int64", {kAny}});
    }
    return inputs;
}

//! \param side of the masks, which only the configuration of the model says.
std::vector<ValueInfo> expectedOutputs(Metadata const& metadata, std::int64_t side)
{
    if (metadata.outputs == "masks")
    {
        return {{"masks", "float32", {kAny, side, side}}};
    }
    if (metadata.form == "static")
    {
        std::int64_t const batch = orAny(metadata.limits.batch);
        std::int64_t const slots = metadata.maxDetections;
        return {{"boxes", "float32", {batch, slots, 4}}, {"scores", "float32", {batch, slots}},
            {"labels", "int64", {batch, slots}}, {"num_detections", "int64", {batch}},
            {"truncated", "bool", {batch}}, {"masks", "float32", {batch, slots, side, side}}};
    }
    return {{"boxes", "float32", {kAny, 4}}, {"scores", "float32", {kAny}},
        {"labels", "int64", {kAny}}, {"image_index", "int64", {kAny}},
        {"masks", "float32", {kAny, side, side}}};
}

std::int64_t maskSide(std::vector<ValueInfo> const& outputs)
{
    for (ValueInfo const& output : outputs)
    {
        if (output.name == "masks" && !output.shape.empty())
        {
            return output.shape.back();
        }
    }
    return 0;
}

void checkInterface(
    char const* what, std::vector<ValueInfo> const& found, std::vector<ValueInfo> const& expected)
{
    if (!std::is_permutation(found.begin(), found.end(), expected.begin(), expected.end()))
    {
        std::string list;
        for (ValueInfo const& value : found)
        {
            list += (list.empty() ? "" : ", ") + toText(value);
        }
        throw std::invalid_argument(concatenate("it has the ", what, " ",
            list.empty() ? "none" : list, ", and an artifact has others"));
    }
}

//! Throw std::invalid_argument unless a graph is what the metadata say of it.
void checkGraph(Bytes const& content, Metadata const& metadata)
{
    OnnxGraph const graph = readGraph(viewOf(content));
    std::string const form = graph.hasOurOperators && graph.hasLoops ? "mixed"
        : graph.hasOurOperators                                      ? "fused"
        : graph.hasLoops                                             ? "static"
                                                                     : "portable";
    // The loops of the form static suppress boxes, of which a graph that is given boxes has no
    // need.
    bool const isLoopless
        = metadata.form == "static" && metadata.outputs == "masks" && form == "portable";
    if (form != metadata.form && !isLoopless)
    {
        throw std::invalid_argument(concatenate("its metadata say that its form is ", metadata.form,
            ", and its operators are those of the form ", form));
    }
    checkInterface("inputs", graph.inputs, expectedInputs(metadata));
    checkInterface("outputs", graph.outputs, expectedOutputs(metadata, maskSide(graph.outputs)));
}

void checkSidecar(std::string const& path, std::string const& digest)
{
    std::filesystem::path const sidecar = std::filesystem::u8path(path + ".json");
    std::error_code code;
    if (!std::filesystem::exists(sidecar, code))
    {
        return;
    }
    bool matches = false;
    if (std::filesystem::is_regular_file(sidecar, code)
        && std::filesystem::file_size(sidecar, code) <= kLargestSidecar)
    {
        std::ifstream stream(sidecar, std::ios::binary);
        auto const values = nlohmann::json::parse(stream, nullptr, false);
        matches = values.is_object() && values.contains("sha256") && values["sha256"] == digest;
    }
    if (!matches)
    {
        raise(REFINEMASK_INVALID_ARTIFACT, path, ".json is not the metadata of ", path,
            " but of another file; delete it, or copy the two files together");
    }
}

} // namespace

Artifact openArtifact(std::string const& path)
{
    Artifact artifact{};
    artifact.path = path;
    artifact.content = readFile(path);
    try
    {
        artifact.json = onnxProperty(viewOf(artifact.content), kMetadataKey);
    }
    catch (std::invalid_argument const& error)
    {
        raise(REFINEMASK_INVALID_ARTIFACT, path, " is not an artifact (", error.what(), "); ",
            kAgain);
    }
    artifact.digest = checkSeal(artifact.content);
    if (artifact.digest.empty())
    {
        raise(REFINEMASK_INVALID_ARTIFACT, path,
            " is not as it was exported: its SHA-256 is not the one at its end; copy it again, or ",
            kAgain);
    }
    try
    {
        artifact.metadata = parseMetadata(artifact.json);
    }
    catch (Error const& error)
    {
        raise(error.status(), path, ": ", error.what());
    }
    try
    {
        checkGraph(artifact.content, artifact.metadata);
    }
    catch (std::invalid_argument const& error)
    {
        raise(REFINEMASK_INVALID_ARTIFACT, path, " is refused: ", error.what(), "; ", kAgain);
    }
    checkSidecar(path, artifact.digest);
    return artifact;
}

} // namespace refinemask::runtime
