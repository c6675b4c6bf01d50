// The life of the PasteMasks plugin; its kernel against the plain arithmetic.
#include "tests/cuda/host_threads.h"
#include "tests/reference.h"
#include "tests/tensorrt/plugin_life.h"

namespace
{

using namespace refinemask;
using namespace refinemask::test;

constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();

PluginPointer makePasteMasks(float threshold)
{
    Fields fields;
    fields.number("threshold", threshold);
    return create("PasteMasks", fields);
}

template <typename T>
void comparePasting(std::vector<float> const& boxes, std::int64_t height, std::int64_t width,
    int maskSize, float threshold)
{
    Random random(boxes.size());
    auto const count = static_cast<std::int64_t>(boxes.size() / 4);
    std::vector<T> const masks
        = random.values<T>(count * maskSize * maskSize, threshold - 0.4F, threshold + 0.4F);
    std::vector<std::uint8_t> expected;
    for (std::int64_t mask = 0; mask < count; ++mask)
    {
        auto const pasted = reference::pasteMask(masks.data() + mask * maskSize * maskSize,
            maskSize, boxes.data() + mask * 4, height, width, threshold);
        expected.insert(expected.end(), pasted.begin(), pasted.end());
    }
    for (ThreadOrder const order : {ThreadOrder::kBACKWARD, ThreadOrder::kFORWARD})
    {
        setThreadOrder(order);
        std::vector<std::uint8_t> output(expected.size(), 0xCD);
        std::int32_t const status = run(makePasteMasks(threshold),
            {makeDesc({count, maskSize, maskSize}, dataType<T>()),
                makeDesc({count, 4}, DataType::kFLOAT)},
            {makeDesc({count, height, width}, DataType::kINT8)}, {masks.data(), boxes.data()},
            {output.data()});
        CHECK_EQUAL(status, 0);
        CHECK(isSame(output, expected));
    }
}

TEST(pasteMasksEqualsThePlainArithmetic)
{
    std::vector<float> const boxes{10.3F, 5.5F, 60.2F, 70.9F, -20, -30, 40, 50, 90, 60, 200, 130, 0,
        0, 100, 80, 30, 30, 30.5F, 30.5F, 20, 20, 20, 20, 50, 50, 40, 40, 300, 300, 400, 400, kNaN,
        0, 10, 10, 0, 0, kInfinity, 10, -1e30F, -1e30F, 1e30F, 1e30F};
    comparePasting<float>(boxes, 80, 100, 28, 0.5F);
    comparePasting<Half>(boxes, 80, 100, 28, 0.5F);
    comparePasting<Bfloat16>(boxes, 80, 100, 28, 0.5F);
    comparePasting<float>(boxes, 33, 300, 1, 0.3F);
    comparePasting<float>(boxes, 1, 1, 7, 0.9F);
    comparePasting<float>({}, 40, 40, 7, 0.5F);
    comparePasting<float>(boxes, 0, 40, 7, 0.5F);
}

TEST(pasteMasksTakesTheSizeAsAShape)
{
    PluginPointer const plugin = makePasteMasks(0.5F);
    OutputShapes const shapes = outputShapesOf(plugin, {{9, 112, 112}, {9, 4}}, {{800, 1333}});
    CHECK_EQUAL(shapes.status, 0);
    CHECK(shapes.sizes == (std::vector<std::vector<std::int64_t>>{{9, 800, 1333}}));
    CapturedErrors errors;
    CHECK(outputShapesOf(plugin, {{9, 112, 112}, {9, 4}, {2}}).status != 0);
    CHECK(errors.contain("tensorrt_plugin_shape_input_indices=[2]"));
    CHECK(outputShapesOf(plugin, {{9, 112, 112}, {9, 4}}, {{800}}).status != 0);
    CHECK(errors.contain("PasteMasks: size must be a shape input of two values"));
    CHECK(outputShapesOf(plugin, {{9, 28, 28}, {8, 4}}, {{80, 80}}, true).status != 0);
    CHECK(errors.contain(
        "boxes must have the shape (9, 4) to go with masks (9, 28, 28), got (8, 4)"));
}

TEST(pasteMasksChecksTypesAndShapes)
{
    PluginPointer const plugin = makePasteMasks(0.5F);
    CapturedErrors errors;
    DataType output = DataType::kBOOL;
    for (DataType const type : {DataType::kFLOAT, DataType::kHALF, DataType::kBF16})
    {
        DataType const inputs[] = {type, DataType::kFLOAT};
        CHECK_EQUAL(buildOf(plugin).getOutputDataTypes(&output, 1, inputs, 2), 0);
        CHECK(output == DataType::kINT8);
        auto const accepts = [&](DataType boxes, DataType images)
        {
            return acceptsFormats(plugin,
                {makeDynamicDesc({3, 7, 7}, type), makeDynamicDesc({3, 4}, boxes),
                    makeDynamicDesc({3, 40, 40}, images)},
                2);
        };
        CHECK(accepts(DataType::kFLOAT, DataType::kINT8));
        CHECK(!accepts(DataType::kHALF, DataType::kINT8));
        CHECK(!accepts(DataType::kFLOAT, DataType::kFLOAT));
    }
    DataType const halves[] = {DataType::kHALF, DataType::kHALF};
    CHECK(buildOf(plugin).getOutputDataTypes(&output, 1, halves, 2) != 0);
    CHECK(errors.contain("PasteMasks: boxes must be float32, not float16"));
    auto const status
        = [&](std::vector<std::int64_t> const& masks, std::vector<std::int64_t> const& boxes)
    {
        std::vector<nvinfer1::PluginTensorDesc> const inputs{
            makeDesc(masks, DataType::kFLOAT), makeDesc(boxes, DataType::kFLOAT)};
        nvinfer1::PluginTensorDesc const images = makeDesc({9, 40, 40}, DataType::kINT8);
        return runtimeOf(plugin).onShapeChange(inputs.data(), 2, &images, 1);
    };
    CHECK_EQUAL(status({9, 28, 28}, {9, 4}), 0);
    CHECK(status({9, 28, 27}, {9, 4}) != 0);
    CHECK(status({9, 28, 28}, {8, 4}) != 0);
    CHECK(errors.contain("to go with masks (9, 28, 28), got (8, 4)"));
}

TEST(pasteMasksRefusesImagesThatAreTooLarge)
{
    CapturedErrors errors;
    std::int32_t const status = run(makePasteMasks(0.5F),
        {makeDesc({1, 7, 7}, DataType::kFLOAT), makeDesc({1, 4}, DataType::kFLOAT)},
        {makeDesc({1, 1 << 25, 1}, DataType::kINT8)}, {nullptr, nullptr}, {nullptr});
    CHECK(status != 0);
    CHECK(errors.contain("PasteMasks: size must be a height and a width from 0 to 16777216, got"));
}

} // namespace
