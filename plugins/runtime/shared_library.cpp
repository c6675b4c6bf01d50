#include "runtime/shared_library.h"

#include "runtime/error.h"
#include "runtime/log.h"

#include <cstdlib>
#include <dlfcn.h>

namespace refinemask::runtime
{

SharedLibrary::SharedLibrary(
    std::string const& what, std::vector<std::string> const& tried, std::string const& advice)
    : mHandle(nullptr)
{
    std::string reasons;
    for (std::string const& path : tried)
    {
        mHandle = ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
        if (mHandle != nullptr)
        {
            mPath = path;
            log(REFINEMASK_LOG_INFO, "loaded ", what, " from ", path);
            return;
        }
        reasons += concatenate(reasons.empty() ? "" : "; ", path, ": ", ::dlerror());
    }
    raise(REFINEMASK_RUNTIME_MISSING, what, " could not be loaded (", reasons, "); ", advice);
}

void* SharedLibrary::symbol(char const* name) const
{
    void* const found = ::dlsym(mHandle, name);
    if (found == nullptr)
    {
        raise(REFINEMASK_RUNTIME_MISSING, mPath, " has no function ", name,
            ": it is another library, or one of another version");
    }
    return found;
}

std::vector<std::string> libraryPaths(
    std::string const& given, char const* variable, std::vector<std::string> const& usual)
{
    if (!given.empty())
    {
        return {given};
    }
    char const* const named = std::getenv(variable);
    return named == nullptr ? usual : std::vector<std::string>{named};
}

std::string siblingLibrary(std::string const& fileName)
{
    if (char const* const folder = std::getenv("REFINEMASK_LIBRARY_DIR"); folder != nullptr)
    {
        return concatenate(folder, "/", fileName);
    }
    Dl_info info{};
    std::string self;
    if (::dladdr(reinterpret_cast<void const*>(&siblingLibrary), &info) != 0)
    {
        self = info.dli_fname;
    }
    return self.substr(0, self.rfind('/') + 1) + fileName;
}

} // namespace refinemask::runtime
