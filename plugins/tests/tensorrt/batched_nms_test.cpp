// The life of the BatchedNMS plugin; its kernels against a plain greedy suppression.
#include "tests/cuda/host_threads.h"
#include "tests/reference.h"
#include "tests/tensorrt/plugin_life.h"

namespace
{

using namespace refinemask;
using namespace refinemask::test;
using reference::Selection;

constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr std::int64_t kLargest = std::numeric_limits<std::int32_t>::max();
constexpr NmsParams kParams{0.5F, 0.05F, 100, -1, 0};

struct Problem
{
    std::int64_t batch;
    std::int64_t count;
    std::int64_t groups;
    bool boxesPerGroup;
    std::vector<float> boxes;
    std::vector<float> scores;
    NmsParams params = kParams;

    std::vector<std::int64_t> boxShape() const
    {
        return boxesPerGroup ? std::vector<std::int64_t>{batch, count, groups, 4}
                             : std::vector<std::int64_t>{batch, count, 4};
    }

    PluginPointer plugin() const
    {
        Fields fields;
        fields.number("iou_threshold", params.iouThreshold);
        fields.number("score_threshold", params.scoreThreshold);
        fields.integers("max_per_image", {params.maxPerImage});
        fields.integers("max_shifted", {params.maxShifted});
        fields.integers("first_shift", {params.firstShift});
        return create("BatchedNMS", fields);
    }
};

//! Run the plugin in one order of threads; the output has exactly the room that is declared for it.
Selection select(Problem const& problem, ThreadOrder order)
{
    setThreadOrder(order);
    PluginPointer const plugin = problem.plugin();
    OutputShapes const shapes = outputShapesOf(
        plugin, {problem.boxShape(), {problem.batch, problem.count, problem.groups}});
    CHECK_EQUAL(shapes.status, 0);
    std::int64_t const most = shapes.upperBounds.at(0);
    std::vector<std::int64_t> rows(static_cast<std::size_t>(most * 3), -1);
    std::int32_t numSelected = -1;
    std::int32_t const status = run(plugin,
        {makeDesc(problem.boxShape(), DataType::kFLOAT),
            makeDesc({problem.batch, problem.count, problem.groups}, DataType::kFLOAT)},
        {makeDesc({most, 3}, DataType::kINT64), makeDesc({}, DataType::kINT32)},
        {problem.boxes.data(), problem.scores.data()}, {rows.data(), &numSelected});
    CHECK_EQUAL(status, 0);
    CHECK(numSelected >= 0 && numSelected <= most);
    Selection selected;
    for (std::size_t i = 0; i < static_cast<std::size_t>(numSelected); ++i)
    {
        selected.push_back({rows[3 * i], rows[3 * i + 1], rows[3 * i + 2]});
    }
    return selected;
}

void compare(Problem const& problem)
{
    Selection const expected = reference::batchedNms(problem.boxes.data(), problem.boxesPerGroup,
        problem.scores.data(), problem.batch, problem.count, problem.groups, problem.params);
    CHECK(select(problem, ThreadOrder::kFORWARD) == expected);
    CHECK(select(problem, ThreadOrder::kBACKWARD) == expected);
}

//! Boxes of `extent` pixels that overlap a lot, some with negative corners or without area.
Problem makeProblem(Random& random, std::int64_t batch, std::int64_t count, std::int64_t groups,
    bool boxesPerGroup, float extent)
{
    Problem problem{batch, count, groups, boxesPerGroup, {}, {}};
    for (std::int64_t i = batch * count * (boxesPerGroup ? groups : 1); i > 0; --i)
    {
        float const x = random.number(-10.F, extent);
        float const y = random.number(0.F, extent);
        problem.boxes.insert(problem.boxes.end(),
            {x, y, x + random.number(-1.F, 40.F), y + random.number(0.F, 40.F)});
    }
    problem.scores = random.values<float>(batch * count * groups, 0.F, 1.F);
    return problem;
}

TEST(nmsKeepsTheBestOfOverlappingBoxes)
{
    Problem const problem{
        1, 3, 1, false, {0, 0, 10, 10, 1, 0, 11, 10, 20, 0, 30, 10}, {0.8F, 0.9F, 0.7F}};
    CHECK(select(problem, ThreadOrder::kFORWARD) == (Selection{{0, 1, 0}, {0, 2, 0}}));
}

TEST(nmsOfNothingWritesZero)
{
    compare(Problem{2, 0, 3, false, {}, {}});
    compare(Problem{0, 5, 3, true, {}, {}});
    compare(Problem{2, 5, 0, false, std::vector<float>(40), {}});
    compare(Problem{1, 2, 1, false, {0, 0, 1, 1, 5, 5, 6, 6}, {0.01F, 0.05F}});
}

TEST(nmsEqualsThePlainSelection)
{
    for (int seed = 0; seed < 60; ++seed)
    {
        Random random(static_cast<std::uint64_t>(seed));
        Problem problem = makeProblem(random, random.integer(1, 3), random.integer(0, 80),
            random.integer(1, 5), random.integer(0, 1) == 0, 150.F);
        problem.params = NmsParams{random.number(0.F, 1.F), random.number(0.F, 0.6F),
            random.integer(1, 80), random.integer(-1, 200), random.integer(0, 2)};
        compare(problem);
    }
}

TEST(nmsSortsAndWalksManyCandidates)
{
    // Several tiles, merges of whole and of part runs, and chunks beyond the first.
    for (std::int64_t const count : {511, 512, 513, 2047, 2048, 2049, 4097, 9000})
    {
        Random random(static_cast<std::uint64_t>(count));
        Problem problem = makeProblem(random, 1, count, 1, false, 1500.F);
        problem.params.maxPerImage = 1000;
        problem.params.iouThreshold = 0.7F;
        compare(problem);
    }
}

TEST(nmsKeepsImagesApart)
{
    Random random(7);
    Problem problem = makeProblem(random, 3, 1200, 3, true, 600.F);
    problem.params.maxPerImage = 700;
    for (int i = 0; i < 1200 * 3; ++i)
    {
        problem.scores[static_cast<std::size_t>(1200 * 3 + i)] = 0.F; // the second has none
    }
    compare(problem);
}

TEST(nmsStopsAtTheLimit)
{
    Random random(8);
    Problem problem = makeProblem(random, 2, 900, 2, false, 4000.F);
    for (std::int64_t const limit : {1, 31, 512, 513, 100000})
    {
        problem.params.maxPerImage = limit;
        compare(problem);
    }
}

TEST(nmsFollowsLongChainsOfOverlaps)
{
    // Each box overlaps the next only: every second one is kept, decided one after the other.
    Problem problem{1, 700, 1, false, {}, {}};
    problem.params = NmsParams{0.3F, 0.F, 1000, -1, 0};
    for (int i = 0; i < 700; ++i)
    {
        float const x = static_cast<float>(i) * 5.F;
        problem.boxes.insert(problem.boxes.end(), {x, 0.F, x + 10.F, 10.F});
        problem.scores.push_back(1.F - static_cast<float>(i) / 1000.F);
    }
    CHECK_EQUAL(select(problem, ThreadOrder::kFORWARD).size(), 350U);
    compare(problem);
}

TEST(nmsKeepsTheOrderOfEqualScores)
{
    Random random(9);
    Problem problem = makeProblem(random, 2, 1500, 2, false, 2000.F);
    for (float& score : problem.scores)
    {
        score = score < 0.5F ? 0.25F : 0.75F;
    }
    problem.params.maxPerImage = 900;
    compare(problem);
}

TEST(nmsShiftsOnlyFewCandidates)
{
    // Negative corners: boxes of neighbouring groups that are moved apart may still overlap.
    Random random(10);
    for (std::int64_t const maxShifted : {-1, 0, 599, 600, 601})
    {
        Problem problem = makeProblem(random, 1, 200, 3, false, 60.F);
        problem.params = NmsParams{0.1F, -1.F, 1000, maxShifted, maxShifted % 2 == 0 ? 1 : 0};
        for (float& coordinate : problem.boxes)
        {
            coordinate -= 50.F;
        }
        compare(problem);
    }
}

TEST(nmsOfHostileBoxesIsWithoutHarm)
{
    for (int seed = 0; seed < 30; ++seed)
    {
        Random random(static_cast<std::uint64_t>(seed));
        Problem problem = makeProblem(random, 2, 300, 2, seed % 2 == 0, 100.F);
        float const values[] = {kNaN, -kNaN, kInfinity, -kInfinity, 3e38F, -3e38F, 0.F, -0.F};
        for (int i = 0; i < 40; ++i)
        {
            auto const box = static_cast<std::size_t>(
                random.integer(0, static_cast<int>(problem.boxes.size()) - 1));
            auto const score = static_cast<std::size_t>(
                random.integer(0, static_cast<int>(problem.scores.size()) - 1));
            problem.boxes[box] = seed < 20 ? values[random.integer(0, 7)] : problem.boxes[box];
            problem.scores[score] = values[random.integer(0, 7)];
        }
        problem.params.maxShifted = seed % 3 == 0 ? 100 : -1;
        compare(problem);
    }
}

TEST(nmsDeclaresHowManyThereCanBe)
{
    PluginPointer const plugin = Problem{1, 1, 1, false, {}, {}}.plugin();
    OutputShapes const many = outputShapesOf(plugin, {{4, 1000, 80, 4}, {4, 1000, 80}});
    CHECK_EQUAL(many.status, 0);
    CHECK(many.sizes == (std::vector<std::vector<std::int64_t>>{{400, 3}, {}}));
    CHECK(many.upperBounds == (std::vector<std::int64_t>{400}));
    CHECK(many.sizeOutputs == (std::vector<std::int32_t>{1}));
    OutputShapes const few = outputShapesOf(plugin, {{4, 5, 4}, {4, 5, 3}});
    CHECK(few.upperBounds == (std::vector<std::int64_t>{60}));
    CapturedErrors errors;
    CHECK(outputShapesOf(plugin, {{4, 5}, {4, 5, 3}}).status != 0);
    CHECK(errors.contain("BatchedNMS: boxes must have the shape (?, ?, 4) or (?, ?, ?, 4)"));
    CHECK(outputShapesOf(plugin, {{4, 5, 4}, {4, 5}}).status != 0);
    CHECK(errors.contain("BatchedNMS: scores must have the shape (B, K, G), got (?, ?)"));
    CHECK(outputShapesOf(plugin, {{4, 5, 4}}).status != 0);
    CHECK(errors.contain("BatchedNMS: has two inputs, boxes and scores, not 1"));
    CHECK(outputShapesOf(plugin, {{4, 5, 2, 4}, {4, 5, 3}}, {}, true).status != 0);
    CHECK(errors.contain("to go with scores (4, 5, 3), got (4, 5, 2, 4)"));
}

TEST(nmsHasFloat32InputsAndIntegerOutputs)
{
    PluginPointer const plugin = Problem{1, 1, 1, false, {}, {}}.plugin();
    CHECK_EQUAL(buildOf(plugin).getNbOutputs(), 2);
    DataType const inputs[] = {DataType::kFLOAT, DataType::kFLOAT};
    DataType outputs[] = {DataType::kBOOL, DataType::kBOOL};
    CHECK_EQUAL(buildOf(plugin).getOutputDataTypes(outputs, 2, inputs, 2), 0);
    CHECK(outputs[0] == DataType::kINT64 && outputs[1] == DataType::kINT32);
    CapturedErrors errors;
    DataType const halves[] = {DataType::kFLOAT, DataType::kHALF};
    CHECK(buildOf(plugin).getOutputDataTypes(outputs, 2, halves, 2) != 0);
    CHECK(errors.contain("BatchedNMS: scores must be float32, not float16"));
    auto const accepts = [&](DataType scores, DataType selected)
    {
        return acceptsFormats(plugin,
            {makeDynamicDesc({1, 9, 4}, DataType::kFLOAT), makeDynamicDesc({1, 9, 1}, scores),
                makeDynamicDesc({9, 3}, selected), makeDynamicDesc({}, DataType::kINT32)},
            2);
    };
    CHECK(accepts(DataType::kFLOAT, DataType::kINT64));
    CHECK(!accepts(DataType::kHALF, DataType::kINT64));
    CHECK(!accepts(DataType::kFLOAT, DataType::kINT32));
}

TEST(nmsRefusesShapesThatDoNotMatch)
{
    PluginPointer const plugin = Problem{1, 1, 1, false, {}, {}}.plugin();
    CapturedErrors errors;
    auto const status
        = [&](std::vector<std::int64_t> const& boxes, std::vector<std::int64_t> const& scores)
    {
        std::vector<nvinfer1::PluginTensorDesc> const inputs{
            makeDesc(boxes, DataType::kFLOAT), makeDesc(scores, DataType::kFLOAT)};
        std::vector<nvinfer1::PluginTensorDesc> const outputs{
            makeDesc({9, 3}, DataType::kINT64), makeDesc({}, DataType::kINT64)};
        return runtimeOf(plugin).onShapeChange(inputs.data(), 2, outputs.data(), 2);
    };
    CHECK_EQUAL(status({2, 9, 4}, {2, 9, 3}), 0);
    CHECK_EQUAL(status({2, 9, 3, 4}, {2, 9, 3}), 0);
    CHECK(status({2, 9, 5}, {2, 9, 3}) != 0);
    CHECK(errors.contain("to go with scores (2, 9, 3), got (2, 9, 5)"));
    CHECK(status({2, 8, 4}, {2, 9, 3}) != 0);
    CHECK(status({2, 9, 2, 4}, {2, 9, 3}) != 0);
    CHECK(errors.contain("to go with scores (2, 9, 3), got (2, 9, 2, 4)"));
    CHECK(status({1, 1 << 20, 4}, {1, 1 << 20, 1 << 20}) != 0);
    CHECK(errors.contain("at most 2147483647 scores"));
    CHECK(status({1 << 17, 1, 4}, {1 << 17, 1, 1}) != 0);
    CHECK(errors.contain("at most 65535 images, got 131072"));
    NmsParams manyParams = kParams;
    manyParams.maxPerImage = kLargest;
    PluginPointer const greedy = Problem{1, 1, 1, false, {}, {}, manyParams}.plugin();
    std::vector<nvinfer1::PluginTensorDesc> const many{
        makeDesc({4, 1 << 30, 4}, DataType::kFLOAT), makeDesc({4, 1 << 30, 1}, DataType::kFLOAT)};
    CHECK(runtimeOf(greedy).onShapeChange(many.data(), 2, many.data(), 2) != 0);
    CHECK(errors.contain("1073741824 of each of 4 images would be more"));
}

} // namespace
