// What TensorRT's objects are in memory here: tables of functions, and what stands behind them.
#pragma once

#include "runtime/tensorrt_slots.h"
#include "tests/simulated/simulated.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <iterator>
#include <set>
#include <string>
#include <vector>

namespace simulated
{

using namespace refinemask::runtime;

constexpr std::int64_t kSlots = 5; // of an image in the static form
constexpr std::int64_t kSide = 28;

struct Dims
{
    std::int32_t count;
    std::int64_t lengths[8];
};

[[noreturn]] inline void unexpected()
{
    std::fprintf(stderr, "an entry of a table was called that is not expected to be\n");
    std::abort();
}

inline void expect(bool condition)
{
    if (!condition)
    {
        unexpected();
    }
}

inline int versionPart(int index)
{
    char const* text = std::getenv("SIMULATED_TENSORRT");
    int parts[4]{};
    std::sscanf(text, "%d.%d.%d.%d", parts, parts + 1, parts + 2, parts + 3);
    return parts[index];
}

inline Slots const& slots()
{
    return versionPart(0) == 10 ? kTensorRt10 : versionPart(0) == 11 ? kTensorRt11 : kTensorRtRtx;
}

//! What stands at the beginning of an object.
class Table
{
public:
    Table()
    {
        std::fill(std::begin(mEntries), std::end(mEntries), reinterpret_cast<void*>(&unexpected));
    }

    template <typename Function>
    void set(int slot, Function* function)
    {
        if (slot >= 0)
        {
            mEntries[slot] = reinterpret_cast<void*>(function);
        }
    }

private:
    void* mEntries[64];
};

//! What is handed out: its implementation stands behind the pointer to its table.
template <typename Implementation>
struct Shell
{
    Table* table;
    Implementation* implementation;

    static void* make(Implementation* implementation)
    {
        static Table table;
        table.set(1, &destroy);
        simulated::count(1);
        return new Shell{&table, implementation};
    }

    static void destroy(Shell* self)
    {
        delete self->implementation;
        delete self;
        simulated::count(-1);
    }
};

struct Implementation
{
    Table* table = &own;
    Table own;
};

struct Tensor
{
    std::string name;
    std::int32_t type;
    std::int32_t mode; // 1 for inputs, 2 for outputs
};

struct Content
{
    std::set<std::string> words;
    std::vector<Tensor> tensors;

    bool has(char const* word) const
    {
        return words.count(word) > 0;
    }
};

inline void logError(void* logger, char const* message)
{
    callSlot<void>(logger, slots().loggerLog, std::int32_t{1}, message);
}

} // namespace simulated
