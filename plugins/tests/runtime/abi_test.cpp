// The C interface as programs were compiled with it: a change here breaks them, and asks for
// another REFINEMASK_ABI_VERSION. Structs that they fill may grow at the end.
#include "refinemask/refinemask.h"
#include "tests/check.h"

#include <cstddef>
#include <type_traits>

namespace
{

static_assert(REFINEMASK_ABI_VERSION == 0);
static_assert(sizeof(void*) == 8, "the sizes below are those of 64-bit systems");

static_assert(sizeof(refinemask_engine_options) == 48);
static_assert(offsetof(refinemask_engine_options, threads) == 40);
static_assert(sizeof(refinemask_info) == 104);
static_assert(offsetof(refinemask_info, sha256) == 96);
static_assert(sizeof(refinemask_image) == 40);
static_assert(offsetof(refinemask_image, format) == 32);
static_assert(sizeof(refinemask_prepared) == 40);
static_assert(sizeof(refinemask_crop) == 40);
static_assert(sizeof(refinemask_polygon) == 16);
static_assert(sizeof(refinemask_outline) == 16);
static_assert(sizeof(refinemask_boxes) == 32);
static_assert(sizeof(refinemask_detections) == 112);
static_assert(offsetof(refinemask_detections, mask_size) == 88);
static_assert(sizeof(refinemask_times) == 24);
static_assert(sizeof(refinemask_predict_options) == 56);
static_assert(offsetof(refinemask_predict_options, times) == 40);
static_assert(offsetof(refinemask_predict_options, image_memory) == 48);
static_assert(std::is_standard_layout_v<refinemask_detections>);

TEST(theLibraryIsOfTheVersionOfItsHeader)
{
    CHECK_EQUAL(refinemask_abi_version(), std::uint32_t{REFINEMASK_ABI_VERSION});
}

} // namespace
