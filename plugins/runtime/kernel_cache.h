// Kernels that TensorRT-RTX has compiled for an engine, kept for the next process, in the files of
// refinemask/engines/tensorrt/kernel_cache.py.
#pragma once

#include "runtime/cuda_driver.h"
#include "runtime/engine_record.h"
#include "runtime/tensorrt_interface.h"

#include <string>

namespace refinemask::runtime
{

//! The kernels of one engine: those that a file has, and those compiled since.
class KernelCache
{
public:
    //! Load kernels into an IRuntimeCache, still empty; what does not fit is compiled again. The
    //! GPU is the current one.
    //!
    //! \param path of the file, which need not exist; "" keeps nothing.
    KernelCache(TensorRtObject cache, Slots const& slots, std::string path);

    void* get() const
    {
        return mCache.get();
    }

    //! Write the kernels, if there are others than in the file; a failure is only logged. The GPU
    //! is the current one.
    void save() noexcept;

private:
    TensorRtObject mCache;
    Slots const& mSlots;
    std::string mPath;
    Bytes mSaved;
};

//! Return where the kernels of an engine for a GPU and its driver are kept, "" if no folder is
//! known.
std::string kernelsPath(EngineRecord const& record, Gpu const& gpu);

} // namespace refinemask::runtime
