// BoundaryRefine: any logits; bit for bit the plain kernel's.
#include "cpu/boundary_refine.h"
#include "fuzz/input.h"
#include "tests/reference.h"

namespace
{

using namespace refinemask;

template <typename T>
void run(fuzz::Input& input)
{
    std::int64_t const count = input.integer(0, 2);
    int const coarseSize = static_cast<int>(input.integer(1, 20));
    int const width = static_cast<int>(input.flag() ? input.integer(0, 4) : input.integer(0, 24));
    std::int64_t const area = static_cast<std::int64_t>(coarseSize) * coarseSize;
    std::vector<T> const coarse = input.numbers<T>(count * area);
    std::vector<T> const fine = input.numbers<T>(count * area * 4);
    std::vector<T> found(fine.size());
    boundaryRefine(coarse.data(), fine.data(), count, coarseSize, width, found.data(), serially);
    for (std::int64_t mask = 0; mask < count; ++mask)
    {
        std::vector<T> const expected = reference::boundaryRefine(
            coarse.data() + mask * area, fine.data() + mask * area * 4, coarseSize, width);
        for (std::size_t index = 0; index < expected.size(); ++index)
        {
            std::size_t const place = static_cast<std::size_t>(mask * area * 4) + index;
            fuzz::require(fuzz::isSameBits(found[place], expected[index]), "a refined logit");
        }
    }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size)
{
    fuzz::Input input(data, size);
    input.flag() ? run<float>(input) : run<Half>(input);
    return 0;
}
