// The life of the MultiScaleRoIAlign plugin: types, formats, shapes.
#include "tests/tensorrt/pyramid.h"

namespace
{

using namespace refinemask::test;
using nvinfer1::TensorFormat;

TEST(roiAlignHasTheTypeOfItsFeatures)
{
    PluginPointer const plugin = Pyramid{}.plugin();
    CHECK_EQUAL(buildOf(plugin).getNbOutputs(), 1);
    for (DataType const type : {DataType::kFLOAT, DataType::kHALF, DataType::kBF16})
    {
        DataType const inputs[] = {DataType::kFLOAT, type, type};
        DataType output = DataType::kBOOL;
        CHECK_EQUAL(buildOf(plugin).getOutputDataTypes(&output, 1, inputs, 3), 0);
        CHECK(output == type);
    }
}

TEST(roiAlignRefusesOtherTypes)
{
    PluginPointer const plugin = Pyramid{}.plugin();
    CapturedErrors errors;
    DataType output = DataType::kBOOL;
    auto const status = [&](std::vector<DataType> const& types)
    {
        return buildOf(plugin).getOutputDataTypes(
            &output, 1, types.data(), static_cast<std::int32_t>(types.size()));
    };
    CHECK(status({DataType::kHALF, DataType::kHALF, DataType::kHALF}) != 0);
    CHECK(errors.contain("MultiScaleRoIAlign: rois must be float32, not float16"));
    CHECK(status({DataType::kFLOAT, DataType::kINT32, DataType::kINT32}) != 0);
    CHECK(errors.contain("features must be float32, float16 or bfloat16, not int32"));
    CHECK(status({DataType::kFLOAT, DataType::kHALF, DataType::kFLOAT}) != 0);
    CHECK(errors.contain("features must have one type, not float16 and float32"));
    CHECK(status({DataType::kFLOAT, DataType::kHALF}) != 0);
    CHECK(errors.contain("needs one feature map for each of the 2 strides (4, 8), got 1"));
}

TEST(roiAlignTakesTheTypesOfItsFeatures)
{
    PluginPointer const plugin = Pyramid{}.plugin();
    auto const accepts = [&](DataType rois, DataType first, DataType second, DataType output)
    {
        return acceptsFormats(plugin,
            {makeDynamicDesc({9, 5}, rois), makeDynamicDesc({2, 3, 24, 40}, first),
                makeDynamicDesc({2, 3, 12, 20}, second), makeDynamicDesc({9, 3, 7, 7}, output)},
            3);
    };
    for (DataType const type : {DataType::kFLOAT, DataType::kHALF, DataType::kBF16})
    {
        CHECK(accepts(DataType::kFLOAT, type, type, type));
    }
    CHECK(!accepts(DataType::kHALF, DataType::kHALF, DataType::kHALF, DataType::kHALF));
    CHECK(!accepts(DataType::kFLOAT, DataType::kHALF, DataType::kFLOAT, DataType::kHALF));
    CHECK(!accepts(DataType::kFLOAT, DataType::kHALF, DataType::kHALF, DataType::kFLOAT));
    CHECK(!accepts(DataType::kFLOAT, DataType::kINT8, DataType::kINT8, DataType::kINT8));
}

TEST(roiAlignTakesFeaturesAndOutputOfOneFormat)
{
    PluginPointer const plugin = Pyramid{}.plugin();
    auto const accepts = [&](DataType type, TensorFormat rois, TensorFormat first,
                             TensorFormat second, TensorFormat output)
    {
        return acceptsFormats(plugin,
            {makeDynamicDesc({9, 5}, DataType::kFLOAT, rois),
                makeDynamicDesc({2, 3, 24, 40}, type, first),
                makeDynamicDesc({2, 3, 12, 20}, type, second),
                makeDynamicDesc({9, 3, 7, 7}, type, output)},
            3);
    };
    constexpr TensorFormat kLinear = TensorFormat::kLINEAR;
    for (DataType const type : {DataType::kFLOAT, DataType::kHALF, DataType::kBF16})
    {
        bool const isFloat32 = type == DataType::kFLOAT;
        TensorFormat const last = isFloat32 ? TensorFormat::kHWC : TensorFormat::kHWC8;
        TensorFormat const ofOthers = isFloat32 ? TensorFormat::kHWC8 : TensorFormat::kHWC;
        CHECK(accepts(type, kLinear, kLinear, kLinear, kLinear));
        CHECK(accepts(type, kLinear, last, last, last));
        CHECK(!accepts(type, last, last, last, last));
        CHECK(!accepts(type, kLinear, last, kLinear, last));
        CHECK(!accepts(type, kLinear, kLinear, last, kLinear));
        CHECK(!accepts(type, kLinear, last, last, kLinear));
        CHECK(!accepts(type, kLinear, kLinear, kLinear, last));
        CHECK(!accepts(type, kLinear, ofOthers, ofOthers, ofOthers));
        CHECK(!accepts(
            type, kLinear, TensorFormat::kCHW32, TensorFormat::kCHW32, TensorFormat::kCHW32));
    }
}

TEST(roiAlignKnowsTheShapeOfItsOutput)
{
    PluginPointer const plugin = Pyramid{}.plugin();
    OutputShapes const shapes
        = outputShapesOf(plugin, {{1000, 5}, {2, 256, 200, 336}, {2, 256, 100, 168}});
    CHECK_EQUAL(shapes.status, 0);
    CHECK(shapes.sizes == (std::vector<std::vector<std::int64_t>>{{1000, 256, 7, 7}}));
    CapturedErrors errors;
    CHECK(outputShapesOf(plugin, {{1000, 5}, {256, 200, 336}, {2, 256, 100, 168}}).status != 0);
    CHECK(
        errors.contain("the features of level 0 must have the shape (B, C, H, W), got (?, ?, ?)"));
    auto const known = [&](std::vector<std::vector<std::int64_t>> const& inputs)
    {
        return outputShapesOf(plugin, inputs, {}, true).status;
    };
    CHECK_EQUAL(known({{9, 5}, {2, 3, 24, 40}, {2, 3, 12, 20}}), 0);
    CHECK(known({{9, 4}, {2, 3, 24, 40}, {2, 3, 12, 20}}) != 0);
    CHECK(errors.contain("rois must have the shape (K, 5), got (9, 4)"));
    CHECK(known({{9, 5}, {2, 3, 24, 40}, {2, 4, 12, 20}}) != 0);
    CHECK(errors.contain("as level 0, (2, 3, 24, 40); got (2, 4, 12, 20) for level 1"));
}

TEST(roiAlignRefusesShapesThatDoNotMatch)
{
    PluginPointer const plugin = Pyramid{}.plugin();
    CapturedErrors errors;
    auto const status
        = [&](std::vector<std::int64_t> const& rois, std::vector<std::int64_t> const& first,
              std::vector<std::int64_t> const& second)
    {
        std::vector<nvinfer1::PluginTensorDesc> const inputs{makeDesc(rois, DataType::kFLOAT),
            makeDesc(first, DataType::kFLOAT), makeDesc(second, DataType::kFLOAT)};
        nvinfer1::PluginTensorDesc const output = makeDesc({9, 3, 7, 7}, DataType::kFLOAT);
        return runtimeOf(plugin).onShapeChange(inputs.data(), 3, &output, 1);
    };
    CHECK_EQUAL(status({9, 5}, {2, 3, 24, 40}, {2, 3, 12, 20}), 0);
    CHECK_EQUAL(errors.text(), "");
    CHECK(status({9, 4}, {2, 3, 24, 40}, {2, 3, 12, 20}) != 0);
    CHECK(errors.contain("MultiScaleRoIAlign: rois must have the shape (K, 5), got (9, 4)"));
    CHECK(status({9, 5}, {2, 3, 24, 40}, {2, 4, 12, 20}) != 0);
    CHECK(errors.contain("all levels must have as many images and channels as level 0"));
    CHECK(status({9, 5}, {2, 3, 24, 40}, {2, 3, 0, 20}) != 0);
    CHECK(errors.contain("must have 1 to 16777216 rows and columns"));
    CHECK(status({9, 5}, {2, 3, 1 << 16, 1 << 16}, {2, 3, 12, 20}) != 0);
    CHECK(errors.contain("at most 2147483647 cells, got (2, 3, 65536, 65536)"));
}

} // namespace
