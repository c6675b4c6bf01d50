// The declarations of operators/: which shapes and values every host refuses, and what it says.
#include "operators/batched_nms.h"
#include "operators/boundary_refine.h"
#include "operators/multiscale_roi_align.h"
#include "operators/paste_masks.h"
#include "tests/check.h"

#include <string>

namespace
{

using namespace refinemask;

//! The text of the error that `check` throws, or "" where it throws none.
template <typename Check>
std::string errorOf(Check const& check)
{
    try
    {
        check();
    }
    catch (std::invalid_argument const& error)
    {
        return error.what();
    }
    return "";
}

std::string errorOfPooling(Shape const& rois, std::vector<Shape> const& features)
{
    RoIAlignAttributes attributes;
    attributes.strides.assign(features.size(), 4);
    return errorOf(
        [&]
        {
            attributes.checkShapes(rois, features);
        });
}

std::string errorOfSelection(
    Shape const& boxes, Shape const& scores, std::int64_t maxPerImage = kLargestCount)
{
    BatchedNMSAttributes attributes;
    attributes.maxPerImage = maxPerImage;
    return errorOf(
        [&]
        {
            attributes.checkShapes(boxes, scores);
        });
}

std::string errorOfRefinement(Shape const& coarse, Shape const& fine)
{
    return errorOf(
        [&]
        {
            BoundaryRefineAttributes::checkShapes(coarse, fine);
        });
}

std::string errorOfPasting(Shape const& masks, Shape const& boxes)
{
    return errorOf(
        [&]
        {
            PasteMasksAttributes::checkShapes(masks, boxes);
        });
}

std::string errorOfCanvases(std::int64_t count, std::int64_t height, std::int64_t width)
{
    return errorOf(
        [&]
        {
            PasteMasksAttributes::checkCanvases(count, height, width);
        });
}

TEST(shapesAreWrittenAsTuples)
{
    CHECK_EQUAL(toText({}), "()");
    CHECK_EQUAL(toText({5}), "(5,)");
    CHECK_EQUAL(toText({kUnknown, 3, 0}), "(?, 3, 0)");
}

TEST(shapesOfPooling)
{
    CHECK_EQUAL(errorOfPooling({9, 5}, {{2, 3, 8, 8}, {2, 3, 4, 4}}), "");
    CHECK_EQUAL(errorOfPooling(
                    {kUnknown, kUnknown}, {{kUnknown, 3, 8, 8}, {2, kUnknown, kUnknown, kUnknown}}),
        "");
    CHECK_EQUAL(errorOfPooling({9, 4}, {{2, 3, 8, 8}}),
        "MultiScaleRoIAlign: rois must have the shape (K, 5), got (9, 4)");
    CHECK_EQUAL(errorOfPooling({9, 5}, {{2, 3, 8, 8}, {2, 4, 4, 4}}),
        "MultiScaleRoIAlign: all levels must have as many images and channels as level 0, "
        "(2, 3, 8, 8); got (2, 4, 4, 4) for level 1");
}

TEST(mapsMayBeEmptyWhereThereAreNoRois)
{
    CHECK_EQUAL(errorOfPooling({0, 5}, {{2, 3, 0, 8}}), "");
    CHECK_EQUAL(errorOfPooling({kUnknown, 5}, {{2, 3, 0, 8}}), "");
    CHECK_EQUAL(errorOfPooling({1, 5}, {{2, 3, 0, 8}}),
        "MultiScaleRoIAlign: the features of level 0 must have 1 to 16777216 rows and columns, and "
        "at most 2147483647 cells, got (2, 3, 0, 8)");
}

TEST(limitsOfPooling)
{
    CHECK_EQUAL(errorOfPooling({kLargestCount, 5}, {{kLargestSide, kLargestChannels, 1, 1}}), "");
    CHECK_EQUAL(errorOfPooling({kLargestCount + 1, 5}, {{1, 1, 1, 1}}),
        "MultiScaleRoIAlign: takes at most 2147483647 RoIs, got 2147483648");
    CHECK_EQUAL(errorOfPooling({1, 5}, {{kLargestSide + 1, 1, 1, 1}}),
        "MultiScaleRoIAlign: takes at most 16777216 images, got 16777217");
    CHECK_EQUAL(errorOfPooling({1, 5}, {{1, kLargestChannels + 1, 1, 1}}),
        "MultiScaleRoIAlign: takes at most 1048576 channels, got 1048577");
    CHECK_EQUAL(errorOfPooling({1, 5}, {{1, 1, kLargestSide, 127}}), "");
    CHECK(!errorOfPooling({1, 5}, {{1, 1, kLargestSide, 128}}).empty());
    CHECK(!errorOfPooling({1, 5}, {{1, 1, kLargestSide + 1, 1}}).empty());
}

TEST(shapesOfSelection)
{
    CHECK_EQUAL(errorOfSelection({2, 9, 4}, {2, 9, 3}), "");
    CHECK_EQUAL(errorOfSelection({2, 9, 3, 4}, {2, 9, 3}), "");
    CHECK_EQUAL(errorOfSelection({2, 0, 4}, {2, 0, 3}), "");
    CHECK_EQUAL(errorOfSelection({kUnknown, 9, kUnknown, 4}, {2, kUnknown, 3}), "");
    CHECK_EQUAL(errorOfSelection({2, 9, 2, 4}, {2, 9, 3}),
        "BatchedNMS: boxes must have the shape (2, 9, 4) or (2, 9, 3, 4) to go with scores "
        "(2, 9, 3), got (2, 9, 2, 4)");
}

TEST(limitsOfSelection)
{
    CHECK_EQUAL(errorOfSelection({65535, 1, 4}, {65535, 1, 1}), "");
    CHECK_EQUAL(errorOfSelection({65536, 1, 4}, {65536, 1, 1}),
        "BatchedNMS: takes at most 65535 images, got 65536");
    CHECK_EQUAL(errorOfSelection({1, 1 << 16, 4}, {1, 1 << 16, 1 << 15}),
        "BatchedNMS: an image may have at most 2147483647 scores, got 65536 x 32768");
    CHECK_EQUAL(errorOfSelection({4, 1 << 30, 4}, {4, 1 << 30, 1}, 1000), "");
    CHECK_EQUAL(errorOfSelection({4, 1 << 30, 4}, {4, 1 << 30, 1}),
        "BatchedNMS: may select at most 2147483647 boxes, but 1073741824 of each of 4 images would "
        "be more; lower max_per_image");
}

TEST(shapesAndLimitsOfRefinement)
{
    CHECK_EQUAL(errorOfRefinement({9, 1, 4096, 4096}, {9, 1, 8192, 8192}), "");
    CHECK_EQUAL(errorOfRefinement({kUnknown, 1, 7, kUnknown}, {9, kUnknown, 14, 14}), "");
    CHECK_EQUAL(errorOfRefinement({9, 1, 7, 7}, {9, 1, 14, 15}),
        "BoundaryRefine: fine_logits must have the shape (9, 1, 14, 14), twice the size of "
        "coarse_logits (9, 1, 7, 7), got (9, 1, 14, 15)");
    CHECK_EQUAL(errorOfRefinement({9, 1, 4097, 4097}, {9, 1, 8194, 8194}),
        "BoundaryRefine: coarse_logits must have the shape (K, 1, s, s), s from 1 to 4096, got "
        "(9, 1, 4097, 4097)");
    CHECK(!errorOfRefinement({9, 1, 0, 0}, {9, 1, 0, 0}).empty());
    CHECK_EQUAL(errorOfRefinement({kLargestCount + 1, 1, 1, 1}, {kLargestCount + 1, 1, 2, 2}),
        "BoundaryRefine: takes at most 2147483647 masks, got 2147483648");
}

TEST(shapesAndLimitsOfPasting)
{
    CHECK_EQUAL(errorOfPasting({9, 4096, 4096}, {9, 4}), "");
    CHECK_EQUAL(errorOfPasting({kUnknown, kUnknown, 28}, {9, kUnknown}), "");
    CHECK_EQUAL(errorOfPasting({9, 4097, 4097}, {9, 4}),
        "PasteMasks: masks must have the shape (N, M, M), M from 1 to 4096, got (9, 4097, 4097)");
    CHECK_EQUAL(errorOfPasting({9, 28, 28}, {8, 4}),
        "PasteMasks: boxes must have the shape (9, 4) to go with masks (9, 28, 28), got (8, 4)");
    CHECK_EQUAL(errorOfCanvases(32767, kLargestSide, kLargestSide), "");
    CHECK_EQUAL(errorOfCanvases(32768, kLargestSide, kLargestSide),
        "PasteMasks: the output would not fit in memory: 32768 canvases of (16777216, 16777216)");
    CHECK_EQUAL(errorOfCanvases(1, -1, 5),
        "PasteMasks: size must be a height and a width from 0 to 16777216, got (-1, 5)");
    CHECK(!errorOfCanvases(1, 5, kLargestSide + 1).empty());
}

} // namespace
