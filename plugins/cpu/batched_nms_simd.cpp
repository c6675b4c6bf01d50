// The loop of BatchedNMS, for the instruction set REFINEMASK_ISA.
#include "cpu/simd_loops.h"
#include "kernels/batched_nms.h"

namespace refinemask::REFINEMASK_ISA
{

bool overlapsAny(BoxBlock const* blocks, std::int64_t count, float const* box, float iouThreshold)
{
    ShiftedBox const candidate{box[0], box[1], box[2], box[3], box[4]};
    for (std::int64_t index = 0; index < count; ++index)
    {
        BoxBlock const& block = blocks[index];
        // Most boxes do not meet at all, and a division is slow: look for an intersection first.
        // Without one the ratio is 0 or NaN, which is not above the threshold.
        int met = 0;
        for (int i = 0; i < BoxBlock::kCapacity; ++i)
        {
            ShiftedBox const better{
                block.x1[i], block.y1[i], block.x2[i], block.y2[i], block.area[i]};
            met |= intersectionArea(better, candidate) != 0.F ? 1 : 0;
        }
        if (met == 0)
        {
            continue;
        }
        int suppressed = 0;
        for (int i = 0; i < BoxBlock::kCapacity; ++i)
        {
            ShiftedBox const better{
                block.x1[i], block.y1[i], block.x2[i], block.y2[i], block.area[i]};
            suppressed |= overlapsMore(better, candidate, iouThreshold) ? 1 : 0;
        }
        if (suppressed != 0)
        {
            return true;
        }
    }
    return false;
}

} // namespace refinemask::REFINEMASK_ISA
