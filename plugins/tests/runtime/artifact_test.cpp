// Artifacts and their metadata; the digest that they are sealed with.
#include "runtime/artifact.h"
#include "runtime/error.h"
#include "runtime/onnx_graph.h"
#include "runtime/sha256.h"
#include "tests/check.h"

namespace
{

using namespace refinemask::runtime;

std::string digest(std::string const& text)
{
    return sha256(reinterpret_cast<std::uint8_t const*>(text.data()), text.size());
}

//! The text of the error that some metadata or file gives.
template <typename Body>
std::string errorOf(Body const& body)
{
    try
    {
        body();
    }
    catch (std::exception const& error)
    {
        return error.what();
    }
    return "no error";
}

TEST(digestsAreThoseOfTheStandard)
{
    CHECK_EQUAL(digest(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    CHECK_EQUAL(digest("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    CHECK_EQUAL(digest("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
        "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
    CHECK_EQUAL(digest(std::string(1000000, 'a')),
        "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST(propertiesAreFoundWithoutTheGraph)
{
    // Field 14, of 6 bytes: key "k", value "v".
    std::string const entry = std::string("\x72\x06\x0a\x01k\x12\x01", 7) + "v";
    CHECK_EQUAL(onnxProperty((entry), "k"), "v");
    CHECK_EQUAL(onnxProperty((std::string("\x08\x07", 2) + entry), "k"), "v");
    CHECK_EQUAL(errorOf(
                    [&]
                    {
                        onnxProperty((entry), "x");
                    }),
        "it has no property x");
    CHECK_EQUAL(errorOf(
                    [&]
                    {
                        onnxProperty((entry.substr(0, 5)), "k");
                    }),
        "a field that is cut off");
    CHECK_EQUAL(errorOf(
                    []
                    {
                        onnxProperty((std::string(11, '\xff')), "k");
                    }),
        "a number that is too long");
    CHECK_EQUAL(errorOf(
                    []
                    {
                        onnxProperty(("\x0b"), "k");
                    }),
        "a field of an unknown wire type");
}

std::string metadata(std::string const& limits)
{
    return R"({"schema_version": 2, "outputs": "detections", "preset": "p", "form": "fused",
        "precision": "float32", "class_names": ["a"], "category_ids": [7],
        "config": {"max_detections": 100}, "input_limits": {"short_side": 64, "long_side": 96,
        "min_size": 32, "max_size": 2048, "divisor": 32, "batch": null, )"
        + limits + "}}";
}

TEST(metadataAreChecked)
{
    Metadata const read = parseMetadata(metadata(R"("height": null, "width": 96)"));
    CHECK_EQUAL(read.limits.height, 0);
    CHECK_EQUAL(read.limits.width, 96);
    CHECK_EQUAL(read.categoryIds[0], 7);
    for (char const* const limits :
        {R"("height": 33, "width": 96)", R"("height": 1e3, "width": 96)",
            R"("height": 18446744073709551615, "width": 96)", R"("height": "32", "width": 96)"})
    {
        CHECK_EQUAL(errorOf(
                        [&]
                        {
                            parseMetadata(metadata(limits));
                        })
                        .find("the metadata have height"),
            std::size_t{0});
    }
    CHECK_EQUAL(errorOf(
                    []
                    {
                        parseMetadata("[]");
                    })
                    .find("the metadata are damaged"),
        std::size_t{0});
    CHECK_EQUAL(errorOf(
                    []
                    {
                        parseMetadata(std::string(100000, '['));
                    })
                    .find("the metadata are damaged"),
        std::size_t{0});
}

} // namespace
