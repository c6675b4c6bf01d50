// BatchedNMS: any boxes, scores and thresholds; the selection is exactly the plain one.
#include "cpu/batched_nms.h"
#include "fuzz/input.h"
#include "tests/reference.h"

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size)
{
    using namespace refinemask;
    fuzz::Input input(data, size);
    std::int64_t const batch = input.integer(0, 2);
    std::int64_t const count = input.integer(0, 40);
    std::int64_t const groups = input.integer(1, 4);
    bool const boxesPerGroup = input.flag();
    NmsParams params{};
    params.iouThreshold = static_cast<float>(input.byte()) / 255.F;
    float const threshold = input.number();
    params.scoreThreshold = threshold == threshold ? threshold : 0.F;
    params.maxPerImage = input.flag() ? input.integer(1, 50) : 0x7FFFFFFF;
    params.maxShifted = input.integer(-1, 100);
    params.firstShift = input.integer(0, 3);
    std::vector<float> const scores = input.numbers<float>(batch * count * groups);
    std::vector<float> const boxes
        = input.numbers<float>(batch * count * (boxesPerGroup ? groups : 1) * 4);
    auto const found = batchedNms(
        boxes.data(), boxesPerGroup, scores.data(), batch, count, groups, params, serially);
    auto const expected = reference::batchedNms(
        boxes.data(), boxesPerGroup, scores.data(), batch, count, groups, params);
    fuzz::require(found == expected, "the selection");
    return 0;
}
