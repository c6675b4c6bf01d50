// Shared libraries that are loaded at run time.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace refinemask::runtime
{

//! A loaded library. It stays loaded until the process ends: runtimes have threads of their own,
//! which may outlive what used them.
class SharedLibrary
{
public:
    //! Load the first of some paths, or names that the system looks for, that can be loaded. Throws
    //! an Error which names `what`, what was tried and why it failed, and `advice`.
    SharedLibrary(
        std::string const& what, std::vector<std::string> const& tried, std::string const& advice);

    //! Return a function; throws an Error if the library has none of this name.
    template <typename Function>
    Function* function(char const* name) const
    {
        return reinterpret_cast<Function*>(symbol(name));
    }

    //! Path or name by which it was loaded.
    std::string const& path() const
    {
        return mPath;
    }

private:
    void* symbol(char const* name) const;

    std::string mPath;
    void* mHandle;
};

//! Owns an object of a runtime, whose function frees it.
template <typename Object>
using Handle = std::unique_ptr<Object, void (*)(Object*)>;

//! The paths of a runtime's library: the one that is given, or else the one that an environment
//! variable names, or else those that the system looks for.
std::vector<std::string> libraryPaths(
    std::string const& given, char const* variable, std::vector<std::string> const& usual);

//! Return the functions of a runtime, an Api that is made of such paths: one in a process for each.
template <typename Api>
std::shared_ptr<Api> sharedApi(std::vector<std::string> const& paths)
{
    static std::mutex mutex;
    static std::map<std::vector<std::string>, std::shared_ptr<Api>> known;
    std::lock_guard const lock(mutex);
    std::shared_ptr<Api>& found = known[paths];
    if (found == nullptr)
    {
        found = std::make_shared<Api>(paths);
    }
    return found;
}

//! Return the path of another library of ours: in the folder that REFINEMASK_LIBRARY_DIR names, or
//! else beside this library.
std::string siblingLibrary(std::string const& fileName);

} // namespace refinemask::runtime
