// Engines for the tests: files as refinemask build writes them, of which the simulated TensorRT
// knows what they are to do.
#pragma once

#include "runtime/sha256.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <unistd.h>

namespace refinemask::test
{

//! A folder that is removed with all that is in it.
class Folder
{
public:
    Folder()
        : mPath(std::filesystem::temp_directory_path()
              / ("refinemask-tests-" + std::to_string(::getpid())))
    {
        std::filesystem::create_directories(mPath);
    }

    ~Folder()
    {
        std::filesystem::remove_all(mPath);
    }

    Folder(Folder const&) = delete;
    Folder& operator=(Folder const&) = delete;

    std::string operator/(std::string const& name) const
    {
        return mPath / name;
    }

private:
    std::filesystem::path mPath;
};

inline void writeFile(std::string const& path, std::string const& content)
{
    std::ofstream(path, std::ios::binary) << content;
}

inline std::string replaced(std::string text, std::string const& before, std::string const& after)
{
    std::size_t const place = text.find(before);
    return place == std::string::npos ? text : text.replace(place, before.size(), after);
}

//! Return the record of an engine whose bytes are `words`, the first of which says its form.
inline std::string recordOf(std::string const& words, std::string const& runtime,
    std::string const& version, std::string const& plugins = "null")
{
    bool const isGiven = words.rfind("masks", 0) == 0;
    std::string const metadata = std::string(R"({"schema_version": 2, "outputs": ")")
        + (isGiven ? "masks" : "detections") + R"(", "preset": "p", "form": ")"
        + (words.rfind("static", 0) == 0 ? "static" : "fused")
        + R"(", "precision": "float32", "class_names": ["a"], "category_ids": [7],
        "config": {"max_detections": 100}, "input_limits": {"short_side": 64, "long_side": 96,
        "min_size": 32, "max_size": 2048, "divisor": 32, "batch": null, "height": null,
        "width": null}})";
    std::string const digest
        = runtime::sha256(reinterpret_cast<std::uint8_t const*>(words.data()), words.size());
    return R"({"tool_version": "1.0.0", "runtime": ")" + runtime + R"(", "runtime_version": ")"
        + version + R"(", "engine_sha256": ")" + digest
        + R"(", "artifact": "my model.onnx", "artifact_sha256": ")" + std::string(64, '0')
        + R"(", "metadata": )" + metadata
        + R"(, "profile": {"shapes": {"images": [[1, 32, 32, 3], [1, 64, 64, 3], [2, 96, 96, 3]],
        "image_sizes": [[1, 2], [1, 2], [2, 2]]}, "values": {}}, "compute_capabilities": ["8.9"],
        "plugins_sha256": )"
        + plugins + R"(, "options": [], "schema_version": 1})";
}

//! Write an engine and its record; return its path.
inline std::string writeEngine(Folder const& folder, std::string const& words,
    std::string const& runtime = "tensorrt_rtx", std::string const& version = "1.7.1.116")
{
    std::string const path = folder / "model.engine";
    writeFile(path, words);
    writeFile(path + ".json", recordOf(words, runtime, version));
    return path;
}

} // namespace refinemask::test
