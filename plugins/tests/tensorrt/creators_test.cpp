// The creators of the library: what they advertise, and which fields they refuse, saying why.
#include "operators/errors.h"
#include "tests/tensorrt/plugin_life.h"

#include <limits>

namespace
{

using namespace refinemask;
using namespace refinemask::test;

constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();

Fields roiAlignFields()
{
    Fields fields;
    fields.integers("output_size", {7}).integers("sampling_ratio", {0}).integers("strides", {4, 8});
    fields.number("finest_scale", 56.F).integers("aligned", {1});
    return fields;
}

Fields nmsFields()
{
    Fields fields;
    fields.number("iou_threshold", 0.5F).number("score_threshold", 0.05F);
    fields.integers("max_per_image", {100});
    return fields;
}

//! Whether a creator refuses the fields and says `reason`.
bool refuses(std::string const& name, Fields const& fields, std::string const& reason)
{
    CapturedErrors errors;
    bool const refused = create(name, fields) == nullptr
        && create(name, fields, nvinfer1::TensorRTPhase::kRUNTIME) == nullptr;
    if (!refused || !errors.contain(name + ": " + reason))
    {
        std::cerr << (refused ? "refused: " : "taken: ") << errors.text();
        return false;
    }
    return true;
}

TEST(theLibraryHasACreatorOfEachOperator)
{
    std::int32_t count = 0;
    nvinfer1::IPluginCreatorInterface* const* const creators = getCreators(count);
    CHECK_EQUAL(count, 8);
    CHECK(getCreators(count) == creators);
    for (char const* name : {"MultiScaleRoIAlign", "BatchedNMS", "BoundaryRefine", "PasteMasks",
             "NonZeroPlaces", "GatherTiles", "ScatterTiles", "ConvAtPlaces"})
    {
        nvinfer1::IPluginCreatorV3One* const creator = findCreator(name);
        CHECK(creator != nullptr);
        CHECK_EQUAL(std::string(creator->getPluginVersion()), "1");
        CHECK_EQUAL(std::string(creator->getPluginNamespace()), "refinemask");
    }
}

TEST(creatorsAdvertiseTheirFields)
{
    using Expected = std::vector<std::pair<std::string, PluginFieldType>>;
    Expected const expected{{"output_size", PluginFieldType::kINT64},
        {"sampling_ratio", PluginFieldType::kINT64}, {"strides", PluginFieldType::kINT64},
        {"finest_scale", PluginFieldType::kFLOAT32}, {"aligned", PluginFieldType::kINT64},
        {"epsilon_after_log", PluginFieldType::kINT64}};
    nvinfer1::PluginFieldCollection const* const fields
        = findCreator("MultiScaleRoIAlign")->getFieldNames();
    Expected found;
    for (std::int32_t i = 0; i < fields->nbFields; ++i)
    {
        found.emplace_back(fields->fields[i].name, fields->fields[i].type);
    }
    CHECK(found == expected);
}

TEST(integersMayHave32Bits)
{
    Fields fields;
    fields.integers32("output_size", {7}).integers32("sampling_ratio", {2});
    fields.integers32("strides", {4, 8, 16}).number("finest_scale", 56.F);
    fields.integers32("aligned", {0}).integers32("epsilon_after_log", {1});
    CHECK(create("MultiScaleRoIAlign", fields) != nullptr);
}

TEST(missingFieldsAreRefused)
{
    using NameAndType = std::pair<char const*, char const*>;
    for (auto const& [name, type] :
        {NameAndType{"output_size", "an integer"}, NameAndType{"sampling_ratio", "an integer"},
            NameAndType{"strides", "a list of integers"}, NameAndType{"finest_scale", "a float"},
            NameAndType{"aligned", "an integer"}})
    {
        std::string const reason = concatenate("attribute ", name, " must be ", type, ", got none");
        CHECK(refuses("MultiScaleRoIAlign", roiAlignFields().without(name), reason));
    }
    CHECK(refuses("BatchedNMS", nmsFields().without("max_per_image"),
        "attribute max_per_image must be an integer, got none"));
    CHECK(refuses(
        "BoundaryRefine", Fields(), "attribute boundary_width must be an integer, got none"));
    CHECK(refuses("PasteMasks", Fields(), "attribute threshold must be a float, got none"));
}

TEST(unknownFieldsAreRefused)
{
    CHECK(refuses("BatchedNMS", nmsFields().number("iou_treshold", 0.5F),
        "attribute iou_treshold is unknown; known are iou_threshold, score_threshold, "));
}

TEST(fieldsGivenTwiceAreRefused)
{
    CHECK(refuses("BatchedNMS", nmsFields().integers("max_per_image", {100}),
        "attribute max_per_image is given twice"));
}

TEST(illTypedFieldsAreRefused)
{
    CHECK(refuses("BatchedNMS", nmsFields().without("iou_threshold").integers("iou_threshold", {1}),
        "attribute iou_threshold must be a float, got an integer"));
    CHECK(refuses("BatchedNMS", nmsFields().without("max_per_image").number("max_per_image", 1.F),
        "attribute max_per_image must be an integer, got a float"));
    Fields text;
    char const word[] = "1";
    text.list().emplace_back("boundary_width", word, PluginFieldType::kCHAR, 1);
    CHECK(refuses(
        "BoundaryRefine", text, "attribute boundary_width must be an integer, got another type"));
}

TEST(fieldsOutOfRangeAreRefused)
{
    auto const roiAlign = [](char const* name, std::vector<std::int64_t> values)
    {
        Fields fields = roiAlignFields();
        fields.without(name).integers(name, std::move(values));
        return fields;
    };
    auto const nms = [](char const* name, float value)
    {
        Fields fields = nmsFields();
        fields.without(name).number(name, value);
        return fields;
    };
    CHECK(refuses("MultiScaleRoIAlign", roiAlign("output_size", {0}),
        "attribute output_size must be from 1 to 512, got 0"));
    CHECK(refuses("MultiScaleRoIAlign", roiAlign("output_size", {std::int64_t{1} << 32 | 7}),
        "attribute output_size must be from 1 to 512, got 4294967303"));
    CHECK(refuses("MultiScaleRoIAlign", roiAlign("sampling_ratio", {-1}),
        "attribute sampling_ratio must be from 0 to 64, got -1"));
    CHECK(refuses("MultiScaleRoIAlign", roiAlign("strides", {}),
        "attribute strides must hold 1 to 5 integers, got ()"));
    CHECK(refuses("MultiScaleRoIAlign", roiAlign("strides", {4, 8, 16, 32, 64, 128}),
        "attribute strides must hold 1 to 5 integers, got (4, 8, 16, 32, 64, 128)"));
    CHECK(refuses("MultiScaleRoIAlign", roiAlign("strides", {4, 0}),
        "attribute strides must be from 1 to 65536, got 0"));
    CHECK(refuses("MultiScaleRoIAlign", roiAlign("aligned", {2}),
        "attribute aligned must be from 0 to 1, got 2"));
    CHECK(refuses("MultiScaleRoIAlign", roiAlign("aligned", {1, 1}),
        "attribute aligned must be an integer, got a list of integers"));
    CHECK(refuses("MultiScaleRoIAlign",
        roiAlignFields().without("finest_scale").number("finest_scale", 0.F),
        "attribute finest_scale must be above 0 and at most 1.04858e+06, got 0"));
    CHECK(refuses("BatchedNMS", nms("iou_threshold", 1.5F),
        "attribute iou_threshold must be from 0 to 1, got 1.5"));
    CHECK(refuses("BatchedNMS", nms("iou_threshold", kNaN),
        "attribute iou_threshold must be from 0 to 1, got nan"));
    CHECK(refuses("BatchedNMS", nms("score_threshold", -std::numeric_limits<float>::infinity()),
        "attribute score_threshold must be from -3.40282e+38 to 3.40282e+38, got -inf"));
    CHECK(refuses("BatchedNMS", nmsFields().integers("max_shifted", {-2}),
        "attribute max_shifted must be from -1 to 2147483647, got -2"));
}

TEST(damagedFieldsAreRefused)
{
    CapturedErrors errors;
    nvinfer1::IPluginCreatorV3One* const creator = findCreator("PasteMasks");
    CHECK(creator->createPlugin("node", nullptr, nvinfer1::TensorRTPhase::kRUNTIME) == nullptr);
    nvinfer1::PluginFieldCollection const noFields{3, nullptr};
    CHECK(creator->createPlugin("node", &noFields, nvinfer1::TensorRTPhase::kRUNTIME) == nullptr);
    Fields fields;
    fields.number("threshold", 0.5F);
    fields.list()[0].data = nullptr;
    CHECK(create("PasteMasks", fields) == nullptr);
    fields.list()[0].length = -1;
    CHECK(create("PasteMasks", fields) == nullptr);
    fields.list()[0].name = nullptr;
    CHECK(create("PasteMasks", fields) == nullptr);
    CHECK(errors.contain("PasteMasks: there are no fields to read"));
    CHECK(errors.contain("attribute threshold has no data for its length of 1"));
    CHECK(errors.contain("an attribute has no name"));
}

TEST(errorsWithoutALoggerGoToStandardError)
{
    setLoggerFinder(nullptr);
    CHECK(create("PasteMasks", Fields()) == nullptr);
}

TEST(pluginsAreWhatTheirCreatorsSay)
{
    PluginPointer const plugin = create("MultiScaleRoIAlign", roiAlignFields());
    CHECK_EQUAL(std::string(coreOf(plugin).getPluginName()), "MultiScaleRoIAlign");
    CHECK_EQUAL(std::string(coreOf(plugin).getPluginVersion()), "1");
    CHECK_EQUAL(std::string(coreOf(plugin).getPluginNamespace()), "refinemask");
    PluginPointer const copy(plugin->clone());
    CHECK(copy != nullptr && copy != plugin);
}

TEST(serialisedFieldsAreAllOfThem)
{
    Fields fields = nmsFields();
    fields.integers("first_shift", {1});
    PluginPointer const plugin = create("BatchedNMS", fields);
    nvinfer1::PluginFieldCollection const* const written = runtimeOf(plugin).getFieldsToSerialize();
    CHECK_EQUAL(written->nbFields, 5);
    std::string text;
    for (std::int32_t i = 0; i < written->nbFields; ++i)
    {
        nvinfer1::PluginField const& field = written->fields[i];
        CHECK_EQUAL(field.length, 1);
        text += std::string(field.name) + "="
            + (field.type == PluginFieldType::kFLOAT32
                    ? std::to_string(*static_cast<float const*>(field.data))
                    : std::to_string(*static_cast<std::int64_t const*>(field.data)))
            + " ";
    }
    CHECK_EQUAL(text,
        "iou_threshold=0.500000 score_threshold=0.050000 max_per_image=100 max_shifted=-1 "
        "first_shift=1 ");
    CHECK(reload(plugin) != nullptr);
}

} // namespace
