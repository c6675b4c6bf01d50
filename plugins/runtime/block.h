// Blocks: results that are handed out of the C interface as one piece of memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>
#include <string>
#include <vector>

namespace refinemask::runtime
{

struct FreeBlock
{
    void operator()(void* block) const
    {
        std::free(block);
    }
};

//! Owns a block whose first part is a T.
template <typename T>
using Owned = std::unique_ptr<T, FreeBlock>;

//! Lays out the parts of a block, makes its memory, and gives access to the parts, in this order.
class BlockBuilder
{
public:
    template <typename T>
    struct Part
    {
        std::size_t offset;
    };

    //! Add room for `count` values; throws std::bad_alloc where no memory is as large.
    template <typename T>
    Part<T> add(std::int64_t count)
    {
        static_assert(alignof(T) <= alignof(std::max_align_t));
        std::size_t const start = (mSize + alignof(T) - 1) / alignof(T) * alignof(T);
        if (count < 0 || static_cast<std::size_t>(count) > (kMost - start) / sizeof(T))
        {
            throw std::bad_alloc();
        }
        mSize = start + static_cast<std::size_t>(count) * sizeof(T);
        return Part<T>{start};
    }

    void allocate()
    {
        mMemory.reset(std::malloc(mSize));
        if (mMemory == nullptr)
        {
            throw std::bad_alloc();
        }
    }

    template <typename T>
    T* at(Part<T> part) const
    {
        return reinterpret_cast<T*>(static_cast<std::byte*>(mMemory.get()) + part.offset);
    }

    //! Hand out the memory, of which `first` is the first part.
    template <typename T>
    Owned<T> release(Part<T> first)
    {
        T* const start = at(first);
        static_cast<void>(mMemory.release());
        return Owned<T>(start);
    }

private:
    static constexpr std::size_t kMost = PTRDIFF_MAX;

    std::size_t mSize = 0;
    std::unique_ptr<void, FreeBlock> mMemory;
};

//! Texts as an array of pointers, each part of the same block.
class Texts
{
public:
    Texts(BlockBuilder& builder, std::vector<std::string> const& texts)
        : mTexts(texts)
        , mPointers(builder.add<char const*>(static_cast<std::int64_t>(texts.size())))
    {
        std::size_t length = 0;
        for (std::string const& text : texts)
        {
            length += text.size() + 1;
        }
        mCharacters = builder.add<char>(static_cast<std::int64_t>(length));
    }

    //! Fill the texts in, and return the array.
    char const** write(BlockBuilder const& builder) const
    {
        char const** const pointers = builder.at(mPointers);
        char* end = builder.at(mCharacters);
        for (std::size_t i = 0; i < mTexts.size(); ++i)
        {
            pointers[i] = end;
            std::memcpy(end, mTexts[i].c_str(), mTexts[i].size() + 1);
            end += mTexts[i].size() + 1;
        }
        return pointers;
    }

private:
    std::vector<std::string> const& mTexts;
    BlockBuilder::Part<char const*> mPointers;
    BlockBuilder::Part<char> mCharacters{};
};

} // namespace refinemask::runtime
