// PasteMasks and its run-length form: any masks and boxes; bit for bit the plain kernel's.
#include "cpu/paste_masks.h"
#include "fuzz/input.h"
#include "tests/reference.h"

namespace
{

using namespace refinemask;

template <typename T>
void run(fuzz::Input& input)
{
    std::int64_t const count = input.integer(0, 2);
    int const maskSize = static_cast<int>(input.integer(1, 12));
    std::int64_t const height = input.integer(0, 60);
    std::int64_t const width = input.integer(0, 60);
    float const threshold = static_cast<float>(1 + input.byte()) / 256.F;
    std::int64_t const area = static_cast<std::int64_t>(maskSize) * maskSize;
    std::vector<float> const boxes = input.numbers<float>(count * 4);
    std::vector<T> masks;
    for (float const value : input.numbers<float>(count * area))
    {
        masks.push_back(fromFloat<T>(value / 64.F)); // mostly around the thresholds
    }
    std::vector<std::uint8_t> found(static_cast<std::size_t>(count * height * width), 7);
    pasteMasks(masks.data(), boxes.data(), count, maskSize, height, width, threshold, found.data(),
        serially);
    for (std::int64_t mask = 0; mask < count; ++mask)
    {
        T const* const own = masks.data() + mask * area;
        float const* const box = boxes.data() + mask * 4;
        std::vector<std::uint8_t> const expected
            = reference::pasteMask(own, maskSize, box, height, width, threshold);
        bool const isSame
            = std::equal(expected.begin(), expected.end(), found.begin() + mask * height * width);
        fuzz::require(isSame, "a canvas");
        std::vector<std::int64_t> edges;
        pasteRuns(own, maskSize, box, height, width, threshold, edges);
        fuzz::require(edges == reference::runs(expected, height, width), "the runs");
    }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size)
{
    fuzz::Input input(data, size);
    input.flag() ? run<float>(input) : run<Half>(input);
    return 0;
}
