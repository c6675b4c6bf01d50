// The C functions of librefinemask.so.
#include "runtime/c_api.h"
#include "tests/check.h"

#include <string>

namespace
{

TEST(functionsRefuseWhatTheyCannotDo)
{
    float const mask[] = {1.F};
    float const box[] = {0.F, 0.F, 2.F, 2.F};
    std::uint8_t canvas[4];
    CHECK_EQUAL(refinemask_paste_masks(mask, box, 1, 1, 2, 2, 0.5F, canvas), 0);
    CHECK_EQUAL(refinemask_paste_masks(nullptr, box, 1, 1, 2, 2, 0.5F, canvas), -1);
    CHECK_EQUAL(refinemask_paste_masks(mask, box, -1, 1, 2, 2, 0.5F, canvas), -1);
    CHECK_EQUAL(refinemask_paste_masks(mask, box, 1, 0, 2, 2, 0.5F, canvas), -1);
    CHECK_EQUAL(refinemask_paste_masks(mask, box, 1, 4097, 2, 2, 0.5F, canvas), -1);
    CHECK_EQUAL(refinemask_paste_masks(mask, box, 1, 1, (1 << 24) + 1, 2, 0.5F, canvas), -1);
    char text[2];
    CHECK_EQUAL(refinemask_paste_rle(mask, 1, box, 2, 2, 0.5F, nullptr, 2), -1);
    CHECK_EQUAL(refinemask_paste_rle(mask, 1, box, 2, 2, 0.5F, text, -1), -1);
    CHECK_EQUAL(refinemask_paste_rle(mask, 1, box, -2, 2, 0.5F, text, 2), -1);
    CHECK_EQUAL(refinemask_paste_rle(nullptr, 1, box, 2, 2, 0.5F, text, 2), -1);
    CHECK_EQUAL(refinemask_encode_rle(nullptr, 2, 2, text, 2), -1);
    CHECK_EQUAL(refinemask_encode_rle(canvas, -2, 2, text, 2), -1);
}

TEST(encodingsReportTheRoomThatTheyNeed)
{
    float const mask[] = {1.F, 1.F, 1.F, 1.F};
    float const box[] = {1.F, 1.F, 3.F, 3.F};
    char text[] = "........";
    CHECK_EQUAL(refinemask_paste_rle(mask, 2, box, 4, 4, 0.5F, text, 2), 5);
    CHECK_EQUAL(std::string(text), "52......");
    CHECK_EQUAL(refinemask_paste_rle(mask, 2, box, 4, 4, 0.5F, text, 8), 5);
    CHECK_EQUAL(std::string(text), "52203...");
    std::uint8_t const bitmap[] = {0, 1, 1, 0};
    CHECK_EQUAL(refinemask_encode_rle(bitmap, 2, 2, text, 8), 3);
    CHECK_EQUAL(std::string(text), "12103...");
}

TEST(imagesAreResized)
{
    std::uint8_t const source[] = {0, 100};
    std::uint8_t target[4];
    CHECK_EQUAL(refinemask_resize(source, 2, 1, 2, 4, target, 4, 1, 4, 4), 0);
    CHECK_EQUAL(target[1], 25);
    CHECK_EQUAL(refinemask_resize(nullptr, 2, 1, 2, 4, target, 4, 1, 4, 4), -1);
    CHECK_EQUAL(refinemask_resize(source, 2, 1, -2, 4, target, 4, 1, 4, 4), -1);
    CHECK_EQUAL(refinemask_resize(source, 2, 1, 2, 4, target, 0, 1, 4, 4), -1);
    CHECK_EQUAL(refinemask_resize(source, 2, 1, 2, 9, target, 4, 1, 4, 4), -1);
}

TEST(imagesArePrepared)
{
    std::uint8_t const source[] = {1, 2, 3};
    std::uint8_t target[12];
    CHECK_EQUAL(refinemask_prepare(source, 1, 1, 3, 0, 1, 1, 2, 0, 0, target, 2, 2, 6, 0), 0);
    CHECK_EQUAL(target[2], 3);
    CHECK_EQUAL(target[3], 0);
    CHECK_EQUAL(refinemask_prepare(source, 1, 1, 3, 0, 1, 1, 2, 0, 0, target, 1, 2, 6, 0), -1);
    CHECK_EQUAL(refinemask_prepare(source, 1, 1, 3, 0, 0, 1, 2, 0, 0, target, 2, 2, 6, 0), -1);
    CHECK_EQUAL(refinemask_prepare(source, 1, 1, 3, 0, 1, 1, 2, 0, 0, nullptr, 2, 2, 6, 0), -1);
}

TEST(versionIsThatOfThePackage)
{
    CHECK_EQUAL(std::string(refinemask_version()), REFINEMASK_VERSION);
}

} // namespace
