#include "runtime/gpu_images.h"

#include "cuda/library.h"
#include "runtime/error.h"
#include "runtime/shared_library.h"

#include <utility>

namespace refinemask::runtime
{
namespace
{

constexpr char const* kAdvice
    = "build it where nvcc is, or take it from refinemask-plugins-cu13, and put it beside "
      "librefinemask.so or into the folder that REFINEMASK_LIBRARY_DIR names; or copy the images "
      "to the host";

} // namespace

struct ImageLibrary
{
    explicit ImageLibrary(std::vector<std::string> const& paths)
        : library("the library for images in memory of a GPU", paths, kAdvice)
        , prepare(library.function<decltype(refinemask_cuda_prepare_image)>(
              "refinemask_cuda_prepare_image"))
    {
        std::string const version
            = library.function<decltype(refinemask_cuda_version)>("refinemask_cuda_version")();
        if (version != REFINEMASK_VERSION)
        {
            raise(REFINEMASK_RUNTIME_MISSING, library.path(), " was built for refinemask ", version,
                ", and this is ", REFINEMASK_VERSION, "; ", kAdvice);
        }
    }

    SharedLibrary library;
    decltype(&refinemask_cuda_prepare_image) prepare;
};

struct GpuImages::Workspace
{
    explicit Workspace(Gpu const& gpu)
        : memory(gpu, Memory::Place::kGpu)
        , stream(gpu)
    {
    }

    Memory memory;
    Stream stream;
};

GpuImages::GpuImages(int index)
    : mGpu(index)
    , mLibrary(sharedApi<ImageLibrary>({siblingLibrary("librefinemask_cuda.so")}))
{
}

GpuImages::~GpuImages()
{
    try
    {
        Gpu::Scope const scope(mGpu);
        mIdle.clear();
    }
    catch (Error const&) // the GPU is gone, and with it what was on it
    {
    }
}

std::shared_ptr<void const> GpuImages::prepare(std::vector<ImageView> const& images,
    std::vector<PreparedSize> const& sizes, std::int64_t length)
{
    Gpu::Scope const scope(mGpu);
    std::unique_ptr<Workspace> workspace = takeIdle(); // which is dropped if something fails
    Stream const& stream = workspace->stream;
    auto const bytes
        = static_cast<std::size_t>(3 * sizes.front().paddedHeight * sizes.front().paddedWidth);
    auto* target = static_cast<std::uint8_t*>(
        workspace->memory.reserve(static_cast<std::size_t>(length) * bytes));
    Settled const settled{stream};
    for (std::size_t i = 0; i < images.size(); ++i)
    {
        checkMemory(images[i]);
        PrepareImageLaunch const launch{images[i], sizes[i], target};
        if (char const* const failure = mLibrary->prepare(&launch, stream.handle()))
        {
            raise(REFINEMASK_RUNTIME_FAILED, "an image cannot be prepared on cuda:", mGpu.index(),
                ": ", failure, "; check GPU and driver with nvidia-smi");
        }
        target += bytes;
    }
    stream.clear(target, (static_cast<std::size_t>(length) - images.size()) * bytes);
    stream.wait("preparing images");
    void const* const batch = target - images.size() * bytes;
    std::shared_ptr<Workspace> owner(workspace.release(),
        [this](Workspace* used)
        {
            give(std::unique_ptr<Workspace>(used));
        });
    return {std::move(owner), batch};
}

std::unique_ptr<GpuImages::Workspace> GpuImages::takeIdle()
{
    std::lock_guard const lock(mMutex);
    if (mIdle.empty())
    {
        return std::make_unique<Workspace>(mGpu);
    }
    std::unique_ptr<Workspace> idle = std::move(mIdle.back());
    mIdle.pop_back();
    return idle;
}

void GpuImages::give(std::unique_ptr<Workspace> workspace)
{
    std::lock_guard const lock(mMutex);
    mIdle.push_back(std::move(workspace));
}

void GpuImages::checkMemory(ImageView const& image) const
{
    std::int64_t const row = image.width * channelCount(image.format);
    std::uint8_t const* const last = image.row(image.height - 1) + row - 1;
    if (!mGpu.owns(image.data) || !mGpu.owns(last))
    {
        raise(REFINEMASK_INVALID_ARGUMENT, "an image of ", image.width, " x ", image.height,
            " pixels (width x height) with a stride of ", image.stride,
            " bytes must be in memory of cuda:", mGpu.index(), ", and its ",
            mGpu.owns(image.data) ? "last" : "first",
            " byte is not; allocate it there with CUDA, or give pixels of the host without "
            "REFINEMASK_MEMORY_GPU");
    }
}

} // namespace refinemask::runtime
