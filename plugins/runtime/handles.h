// What C programs hold: handles that name objects until they are released.
#pragma once

#include "runtime/error.h"

#include <cstdint>
#include <memory>
#include <mutex>
#include <unordered_map>

namespace refinemask::runtime
{

//! Objects by their handles, which are never dereferenced and never used twice: one that has been
//! released is known as such. Safe in any thread.
template <typename Handle, typename Object>
class Handles
{
public:
    Handle* add(std::shared_ptr<Object> object)
    {
        std::lock_guard const lock(mMutex);
        auto* const handle = reinterpret_cast<Handle*>(++mLast);
        mObjects.emplace(handle, std::move(object));
        return handle;
    }

    //! Return an object, which lives while it is used. Throws an Error that names the argument if
    //! its handle is NULL or has been released.
    std::shared_ptr<Object> use(char const* name, Handle const* handle) const
    {
        if (handle == nullptr)
        {
            raise(REFINEMASK_INVALID_ARGUMENT, name, " is NULL");
        }
        std::lock_guard const lock(mMutex);
        auto const found = mObjects.find(handle);
        if (found == mObjects.end())
        {
            raise(REFINEMASK_INVALID_ARGUMENT, name, " has been freed, or never was one");
        }
        return found->second;
    }

    //! The object ends when nothing uses it any more.
    void release(Handle const* handle)
    {
        std::shared_ptr<Object> last; // ends after the lock
        std::lock_guard const lock(mMutex);
        auto const found = mObjects.find(handle);
        if (found != mObjects.end())
        {
            last = std::move(found->second);
            mObjects.erase(found);
        }
    }

private:
    mutable std::mutex mMutex;
    std::unordered_map<Handle const*, std::shared_ptr<Object>> mObjects;
    std::uintptr_t mLast = 0;
};

} // namespace refinemask::runtime
