// Images whose pixels are in memory of a GPU, and which are prepared for the network there.
#pragma once

#include "image/prepare.h"
#include "runtime/cuda_driver.h"

#include <memory>
#include <mutex>
#include <vector>

namespace refinemask::runtime
{

struct ImageLibrary;

//! Makes batches on one GPU, by librefinemask_cuda.so. Safe in several threads at once.
class GpuImages
{
public:
    //! Throws an Error if the driver, the GPU or the library is missing.
    explicit GpuImages(int index);
    ~GpuImages();

    GpuImages(GpuImages const&) = delete;
    GpuImages& operator=(GpuImages const&) = delete;

    //! Resize and pad images, each to its size, all of which have the same padded size.
    //!
    //! \param length images of the batch, of which black ones follow those that are given.
    //! \return length x paddedHeight x paddedWidth x 3 bytes of the GPU, which are ready, and kept
    //! as long as what is returned, which must not outlive this. Throws an Error.
    std::shared_ptr<void const> prepare(std::vector<ImageView> const& images,
        std::vector<PreparedSize> const& sizes, std::int64_t length);

private:
    //! What one call uses at a time.
    struct Workspace;

    std::unique_ptr<Workspace> takeIdle();
    void give(std::unique_ptr<Workspace> workspace);

    //! Throw an Error unless the pixels are memory of this GPU.
    void checkMemory(ImageView const& image) const;

    Gpu mGpu;
    std::shared_ptr<ImageLibrary> mLibrary;
    std::mutex mMutex; // of what follows
    std::vector<std::unique_ptr<Workspace>> mIdle;
};

} // namespace refinemask::runtime
