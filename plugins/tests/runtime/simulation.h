// A simulated GPU with TensorRT (tests/simulated/), as the tests of engines use it.
#pragma once

#include "runtime/engine.h"
#include "runtime/error.h"
#include "tests/runtime/engine_files.h"
#include "tests/simulated/simulated.h"

#include <dlfcn.h>
#include <iostream>

namespace refinemask::test
{

struct Flavoured
{
    char const* runtime;
    char const* version;
};

constexpr Flavoured kFlavours[]
    = {{"tensorrt", "10.14.1.48"}, {"tensorrt", "11.4.0.106"}, {"tensorrt_rtx", "1.7.1.116"}};

//! Return a function of the simulation.
template <typename Function>
Function* find(char const* name)
{
    static void* const library = ::dlopen(SIMULATED_TENSORRT_LIBRARY, RTLD_NOW | RTLD_LOCAL);
    return reinterpret_cast<Function*>(::dlsym(library, name));
}

//! How many objects, allocations and streams there are.
inline int live()
{
    return find<decltype(simulated_live)>("simulated_live")();
}

inline void failAfter(int count)
{
    find<decltype(simulated_fail_after)>("simulated_fail_after")(count);
}

//! A simulated TensorRT of a version, and a folder for its files; nothing of it is left at the end.
class Simulation
{
public:
    explicit Simulation(Flavoured const& flavour = kFlavours[2])
        : mFlavour(flavour)
    {
        ::setenv("SIMULATED_TENSORRT", flavour.version, 1);
        ::setenv("REFINEMASK_CUDA", SIMULATED_TENSORRT_LIBRARY, 1);
        ::setenv("REFINEMASK_CACHE", (mFolder / "cache").c_str(), 1);
    }

    ~Simulation()
    {
        for (char const* name : {"REFINEMASK_CUDA", "REFINEMASK_CACHE"})
        {
            ::unsetenv(name);
        }
    }

    Simulation(Simulation const&) = delete;
    Simulation& operator=(Simulation const&) = delete;

    std::string write(std::string const& words) const
    {
        return writeEngine(mFolder, words, mFlavour.runtime, mFlavour.version);
    }

    runtime::Engine open(std::string const& path, std::string const& device = "cuda") const
    {
        return {path, mFlavour.runtime, runtime::BackendOptions{device, library(), "", 0}};
    }

    //! A path of its own for each version: the library is asked for it once for each path.
    std::string library() const
    {
        std::string const path = mFolder / (std::string("lib") + mFlavour.version + ".so");
        if (!std::filesystem::exists(path))
        {
            std::filesystem::create_symlink(SIMULATED_TENSORRT_LIBRARY, path);
        }
        return path;
    }

    Folder const& folder() const
    {
        return mFolder;
    }

private:
    Flavoured mFlavour;
    Folder mFolder;
};

//! Return what a body throws.
template <typename Body>
runtime::Error errorOf(Body const& body)
{
    try
    {
        body();
    }
    catch (runtime::Error const& error)
    {
        return error;
    }
    return {REFINEMASK_OK, "no error"};
}

inline bool contains(runtime::Error const& error, std::string const& part)
{
    if (std::string(error.what()).find(part) == std::string::npos)
    {
        std::cerr << error.what() << "\ndoes not contain\n" << part << '\n';
        return false;
    }
    return true;
}

} // namespace refinemask::test
