#include "tests/cuda/thread_order.h"

namespace refinemask::test
{

namespace
{

ThreadOrder gOrder = ThreadOrder::kFORWARD;

} // namespace

void setThreadOrder(ThreadOrder order)
{
    gOrder = order;
}

int threadAt(int index, int count)
{
    return gOrder == ThreadOrder::kFORWARD ? index : count - 1 - index;
}

} // namespace refinemask::test
