// The life of the BoundaryRefine plugin; its kernel against the plain arithmetic.
#include "tests/cuda/host_threads.h"
#include "tests/reference.h"
#include "tests/tensorrt/plugin_life.h"

namespace
{

using namespace refinemask;
using namespace refinemask::test;

constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();

PluginPointer makeBoundaryRefine(std::int64_t width)
{
    Fields fields;
    fields.integers("boundary_width", {width});
    return create("BoundaryRefine", fields);
}

//! Smooth logits, so that there are insides, outsides and outlines.
template <typename T>
std::vector<T> makeLogits(Random& random, std::int64_t count, int size)
{
    std::vector<T> logits;
    for (std::int64_t mask = 0; mask < count; ++mask)
    {
        float const x = random.number(0.F, static_cast<float>(size));
        float const y = random.number(0.F, static_cast<float>(size));
        float const radius = random.number(1.F, static_cast<float>(size));
        for (int i = 0; i < size * size; ++i)
        {
            float const dx = static_cast<float>(i % size) - x;
            float const dy = static_cast<float>(i / size) - y;
            float const noise = random.number(-1.F, 1.F);
            logits.push_back(fromFloat<T>(radius - sqrtf(dx * dx + dy * dy) + noise));
        }
    }
    return logits;
}

template <typename T>
void compareRefinement(int size, std::int64_t count, int width)
{
    Random random(static_cast<std::uint64_t>(size * 100 + width));
    std::vector<T> coarse = makeLogits<T>(random, count, size);
    std::vector<T> fine = makeLogits<T>(random, count, 2 * size);
    if (count > 1)
    {
        coarse[0] = fromFloat<T>(kNaN);
        coarse.back() = fromFloat<T>(-kInfinity);
        fine[1] = fromFloat<T>(kInfinity);
    }
    std::vector<T> expected;
    for (std::int64_t mask = 0; mask < count; ++mask)
    {
        std::vector<T> const refined = reference::boundaryRefine(
            coarse.data() + mask * size * size, fine.data() + mask * 4 * size * size, size, width);
        expected.insert(expected.end(), refined.begin(), refined.end());
    }
    for (ThreadOrder const order : {ThreadOrder::kBACKWARD, ThreadOrder::kFORWARD})
    {
        setThreadOrder(order);
        std::vector<T> output(fine.size(), fromFloat<T>(kNaN));
        std::int32_t const status = run(makeBoundaryRefine(width),
            {makeDesc({count, 1, size, size}, dataType<T>()),
                makeDesc({count, 1, 2 * size, 2 * size}, dataType<T>())},
            {makeDesc({count, 1, 2 * size, 2 * size}, dataType<T>())}, {coarse.data(), fine.data()},
            {output.data()});
        CHECK_EQUAL(status, 0);
        CHECK(isSame(output, expected));
    }
}

TEST(boundaryRefineEqualsThePlainArithmetic)
{
    for (int const size : {1, 2, 3, 7, 14, 28, 56})
    {
        for (int const width : {1, 2, 3})
        {
            compareRefinement<float>(size, 3, width);
            compareRefinement<Half>(size, 3, width);
            compareRefinement<Bfloat16>(size, 3, width);
        }
    }
    compareRefinement<float>(14, 0, 1);
    compareRefinement<float>(9, 2, 64);
}

TEST(boundaryRefineTakesTheFineStageAtTheOutlineOnly)
{
    // Foreground everywhere but outside the map, which makes the border the outline.
    std::vector<float> const coarse(16 * 16, 3.F);
    std::vector<float> const fine(32 * 32, -5.F);
    std::vector<float> output(fine.size());
    std::int32_t const status = run(makeBoundaryRefine(1),
        {makeDesc({1, 1, 16, 16}, DataType::kFLOAT), makeDesc({1, 1, 32, 32}, DataType::kFLOAT)},
        {makeDesc({1, 1, 32, 32}, DataType::kFLOAT)}, {coarse.data(), fine.data()},
        {output.data()});
    CHECK_EQUAL(status, 0);
    CHECK_EQUAL(output[0], -5.F);
    CHECK_EQUAL(output[31], -5.F);
    CHECK_EQUAL(output[16 * 32 + 16], 3.F);
}

TEST(boundaryRefineChecksTypesAndShapes)
{
    PluginPointer const plugin = makeBoundaryRefine(1);
    CapturedErrors errors;
    DataType output = DataType::kBOOL;
    DataType const mixed[] = {DataType::kHALF, DataType::kFLOAT};
    CHECK(buildOf(plugin).getOutputDataTypes(&output, 1, mixed, 2) != 0);
    CHECK(errors.contain(
        "BoundaryRefine: fine_logits must be float16 as coarse_logits, not float32"));
    for (DataType const type : {DataType::kFLOAT, DataType::kHALF, DataType::kBF16})
    {
        DataType const inputs[] = {type, type};
        CHECK_EQUAL(buildOf(plugin).getOutputDataTypes(&output, 1, inputs, 2), 0);
        CHECK(output == type);
        auto const accepts = [&](DataType fine)
        {
            return acceptsFormats(plugin,
                {makeDynamicDesc({3, 1, 7, 7}, type), makeDynamicDesc({3, 1, 14, 14}, fine),
                    makeDynamicDesc({3, 1, 14, 14}, type)},
                2);
        };
        CHECK(accepts(type));
        CHECK(!accepts(type == DataType::kHALF ? DataType::kBF16 : DataType::kHALF));
    }
    OutputShapes const shapes = outputShapesOf(plugin, {{9, 1, 28, 28}, {9, 1, 56, 56}});
    CHECK(shapes.sizes == (std::vector<std::vector<std::int64_t>>{{9, 1, 56, 56}}));
    CHECK(outputShapesOf(plugin, {{9, 1, 28, 28}, {9, 1, 55, 55}}, {}, true).status != 0);
    CHECK(errors.contain("fine_logits must have the shape (9, 1, 56, 56), twice the size of "));
    CHECK(outputShapesOf(plugin, {{9, 3, 28, 28}, {9, 3, 56, 56}}, {}, true).status != 0);
    CHECK(errors.contain(
        "coarse_logits must have the shape (K, 1, s, s), s from 1 to 4096, got (9, 3, 28, 28)"));
    auto const status
        = [&](std::vector<std::int64_t> const& coarse, std::vector<std::int64_t> const& fine)
    {
        std::vector<nvinfer1::PluginTensorDesc> const inputs{
            makeDesc(coarse, DataType::kFLOAT), makeDesc(fine, DataType::kFLOAT)};
        return runtimeOf(plugin).onShapeChange(inputs.data(), 2, &inputs[1], 1);
    };
    CHECK_EQUAL(status({9, 1, 28, 28}, {9, 1, 56, 56}), 0);
    CHECK(status({9, 1, 28, 28}, {8, 1, 56, 56}) != 0);
    CHECK(errors.contain("coarse_logits (9, 1, 28, 28), got (8, 1, 56, 56)"));
    CHECK(status({9, 1, 28, 28}, {9, 1, 55, 56}) != 0);
    CHECK(status({9, 2, 28, 28}, {9, 2, 56, 56}) != 0);
    CHECK(status({9, 1, 9000, 9000}, {9, 1, 18000, 18000}) != 0);
    CHECK(errors.contain("s from 1 to 4096, got (9, 1, 9000, 9000)"));
}

} // namespace
