// How host_launch.cpp goes through the threads of a block.
#pragma once

namespace refinemask::test
{

//! Threads between two barriers may run in any order, so tests run them in both.
enum class ThreadOrder
{
    kFORWARD,
    kBACKWARD
};

void setThreadOrder(ThreadOrder order);

} // namespace refinemask::test
