// Engines and their records: what is opened, and with which words all else is refused.
#include "runtime/engine_record.h"
#include "runtime/error.h"
#include "tests/check.h"
#include "tests/runtime/engine_files.h"

#include <vector>

namespace
{

using namespace refinemask;
using namespace refinemask::runtime;
using namespace refinemask::test;

template <typename Body>
std::string errorOf(Body const& body)
{
    try
    {
        body();
    }
    catch (Error const& error)
    {
        return error.what();
    }
    return "no error";
}

bool contains(std::string const& text, std::string const& part)
{
    if (text.find(part) == std::string::npos)
    {
        std::cerr << text << "\ndoes not contain\n" << part << '\n';
        return false;
    }
    return true;
}

TEST(recordsAreRead)
{
    Folder const folder;
    std::string const path = writeEngine(folder, "fused");
    EngineRecord const record = openEngine(path);
    CHECK_EQUAL(record.engine.content.size(), std::size_t{5});
    CHECK_EQUAL(record.engine.metadata.categoryIds.at(0), 7);
    CHECK_EQUAL(record.shapes.at("images").maximum.at(0), 2);
    CHECK_EQUAL(
        record.command, "refinemask build 'my model.onnx' --runtime tensorrt_rtx --output " + path);
    CHECK(isEnginePath("a.plan") && !isEnginePath("a.onnx") && !isEnginePath(".engine"));
}

TEST(enginesWithoutTheirRecordAreRefused)
{
    Folder const folder;
    std::string const path = folder / "model.engine";
    auto const open = [&]
    {
        return errorOf(
            [&]
            {
                openEngine(path);
            });
    };
    CHECK(contains(open(), "does not exist"));
    writeFile(path, "fused");
    CHECK(contains(open(), "has no record"));
    writeEngine(folder, "fused");
    writeFile(path, "other");
    CHECK(contains(open(), "was damaged, cut short or exchanged"));
    CHECK(contains(open(), "build it with: refinemask build 'my model.onnx'"));
}

TEST(damagedRecordsAreRefused)
{
    Folder const folder;
    std::string const path = writeEngine(folder, "fused");
    std::string const good = recordOf("fused", "tensorrt_rtx", "1.7.1.116");
    struct Damage
    {
        char const* before;
        char const* after;
        char const* message;
    };
    for (Damage const& damage : std::vector<Damage>{
             {"\"schema_version\": 1}", "\"schema_version\": 9}", "it has the schema version 9"},
             {"\"runtime\": \"tensorrt_rtx\"", "\"runtime\": \"x\"", "the runtime is x"},
             {"\"runtime_version\": \"", "\"runtime_version\": \"\\u0007", "a text is"},
             {"\"runtime_version\": ", "\"x\": ", "it is damaged"},
             {"\"runtime_version\": \"1.", "\"runtime_version\": \"/x.", "the version is /x.7"},
             {"\"engine_sha256\": \"", "\"engine_sha256\": \"X", "a hash is"},
             {"[1, 32, 32, 3]", "[9, 32, 32, 3]", "the profile has the shapes"},
             {"[1, 32, 32, 3]", "[-1, 32, 32, 3]", "the profile has the shape"},
             {"[1, 32, 32, 3]", "[1, 32]", "the profile has the shapes"},
             {"[1, 32, 32, 3],", "", "it is damaged"},
             {"\"precision\": \"float32\"", "\"precision\": \"int1\"", "precision = int1"},
             {"\"options\": []", "\"options\": [3]", "it is damaged"},
             {"\"options\": []", "\"options\": [", "it is damaged"}})
    {
        writeFile(path + ".json", replaced(good, damage.before, damage.after));
        std::string const error = errorOf(
            [&]
            {
                openEngine(path);
            });
        CHECK(contains(error, "is not the record of an engine: "));
        CHECK(contains(error, damage.message));
    }
    writeFile(path + ".json", std::string(5U << 20, ' '));
    CHECK(contains(errorOf(
                       [&]
                       {
                           openEngine(path);
                       }),
        "it is too large"));
}

TEST(enginesOfOtherHostsAreRefused)
{
    Folder const folder;
    EngineRecord record = openEngine(writeEngine(folder, "fused", "tensorrt", "10.14.1.48.post1"));
    auto const check = [&](std::string const& version)
    {
        return errorOf(
            [&]
            {
                checkHost(record, version, folder / "plugins.so");
            });
    };
    CHECK_EQUAL(check("10.14.1.48"), "no error");
    CHECK(contains(check("10.14.1.4"),
        "it was built with TensorRT 10.14.1.48.post1, and this is 10.14.1.4; build it again with: "
        "refinemask build"));
    record.pluginsDigest = std::string(64, '0');
    CHECK(contains(check("10.14.1.48"), "which cannot be read"));
    writeFile(folder / "plugins.so", "plugins");
    CHECK(contains(check("10.14.1.48"), "built with another plugin library than"));
    record.options = {"--strip-weights"};
    CHECK(contains(check("10.14.1.48"), "it has no weights"));
    record.options = {"--version-compatible"};
    CHECK(contains(check("10.14.1.48"), "it contains code"));
    CHECK(contains(errorOf(
                       [&]
                       {
                           checkGpu(record, "9.0");
                       }),
        "it was built for GPUs of compute capability 8.9, and this one has 9.0"));
}

TEST(inputsOutsideTheProfileAreRefused)
{
    Folder const folder;
    EngineRecord const record = openEngine(writeEngine(folder, "fused"));
    Tensor input{"images", ElementType::kUInt8, {2, 96, 96, 3}, nullptr};
    checkProfile(record, {input});
    input.shape = {3, 96, 96, 3};
    CHECK_EQUAL(errorOf(
                    [&]
                    {
                        checkProfile(record, {input});
                    }),
        "the engine takes images from 1x32x32x3 to 2x96x96x3, got 3x96x96x3; build it again with "
        "--min-shapes or --max-shapes that contain this shape");
}

} // namespace
