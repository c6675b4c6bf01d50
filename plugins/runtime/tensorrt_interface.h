// TensorRT and TensorRT-RTX as far as they are used here, by the entries of their tables.
#pragma once

#include "runtime/shared_library.h"
#include "runtime/tensorrt_slots.h"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace refinemask::runtime
{

//! What tells the two apart.
struct Flavour
{
    char const* name;        //!< as a runtime, in options and records
    char const* title;       //!< in prose
    char const* variable;    //!< of the environment, which may name the library
    bool compilesAtFirstRun; //!< has a cache for the kernels that it then compiles
};

extern Flavour const kTensorRt;
extern Flavour const kTensorRtx;

//! Return one of the two by its name as a runtime, or nullptr.
Flavour const* findFlavour(std::string const& name);

//! An object of TensorRT: a pointer to its implementation stands behind the pointer to its table.
//! The table of the first begins with what destroys and what deletes the object.
class TensorRtObject
{
public:
    explicit TensorRtObject(void* object)
        : mObject(object, &destroy)
    {
    }

    explicit operator bool() const
    {
        return mObject != nullptr;
    }

    void* get() const
    {
        return mObject.get();
    }

    template <typename Result, typename... Arguments>
    Result call(int slot, Arguments... arguments) const
    {
        void* const implementation = static_cast<void**>(mObject.get())[1];
        return callSlot<Result>(implementation, slot, arguments...);
    }

private:
    static void destroy(void* object)
    {
        callSlot<void>(object, 1);
    }

    Handle<void> mObject;
};

//! The library of a flavour; one in a process for each path.
class TensorRtLibrary
{
public:
    //! Load the first of some paths that can be loaded. Throws an Error if there is none, or its
    //! version is not one whose tables are known.
    TensorRtLibrary(Flavour const& flavour, std::vector<std::string> const& paths);

    //! As the packages have it, such as "10.14.1.48".
    std::string const& version() const
    {
        return mVersion;
    }

    std::string const& path() const
    {
        return mLibrary.path();
    }

    Slots const& slots() const
    {
        return *mSlots;
    }

    //! Return a runtime.
    TensorRtObject createRuntime() const;

    //! Load our plugins, unless they are there already; throws an Error.
    void loadPlugins(std::string const& path) const;

private:
    std::int32_t number(char const* function) const;

    Flavour const& mFlavour;
    SharedLibrary mLibrary;
    std::string mVersion;
    Slots const* mSlots;
};

//! Return the library that runs engines which such a version of a flavour built.
//!
//! \param given its path, or "" for the usual places.
std::shared_ptr<TensorRtLibrary> loadTensorRt(
    Flavour const& flavour, std::string const& given, std::string const& version);

} // namespace refinemask::runtime
