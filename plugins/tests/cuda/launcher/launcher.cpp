#include "tests/cuda/launcher/launcher.h"

#include "cuda/batched_nms.h"
#include "cuda/boundary_refine.h"
#include "cuda/multiscale_roi_align.h"
#include "cuda/paste_masks.h"
#include "cuda/prepare_image.h"
#include "operators/multiscale_roi_align.h"

using namespace refinemask;

namespace
{

template <typename Function>
int catchAsCudaError(Function const& function) noexcept
{
    try
    {
        return static_cast<int>(function());
    }
    catch (...)
    {
        return static_cast<int>(cudaErrorUnknown);
    }
}

} // namespace

int launch_multiscale_roi_align(int type, float const* rois, std::int64_t numRois,
    void const* const* maps, int const* heights, int const* widths, int batch, int channels,
    int cellStride, std::int64_t const* strides, int numLevels, int outputSize, int samplingRatio,
    int aligned, int epsilonAfterLog, float finestScale, void* output, void* stream) noexcept
{
    return catchAsCudaError(
        [&]
        {
            RoIAlignAttributes attributes;
            attributes.outputSize = outputSize;
            attributes.samplingRatio = samplingRatio;
            attributes.strides.assign(strides, strides + numLevels);
            attributes.finestScale = finestScale;
            attributes.aligned = aligned;
            attributes.epsilonAfterLog = epsilonAfterLog;
            RoIAlignLaunch launch{};
            launch.type = static_cast<ElementType>(type);
            launch.rois = rois;
            launch.numRois = numRois;
            for (int level = 0; level < numLevels; ++level)
            {
                launch.levels[level] = FeatureMap{maps[level], heights[level], widths[level]};
            }
            launch.batch = batch;
            launch.channels = channels;
            launch.cellStride = cellStride;
            launch.params = attributes.params();
            launch.output = output;
            return launchMultiScaleRoIAlign(launch, static_cast<cudaStream_t>(stream));
        });
}

std::size_t workspace_of_batched_nms(
    std::int64_t batch, std::int64_t count, std::int64_t groups, std::int64_t limit) noexcept
{
    return NmsWorkspace(batch, count, groups, NmsParams{0.F, 0.F, limit, -1, 0}).size();
}

int launch_batched_nms(float const* boxes, int boxesPerGroup, float const* scores,
    std::int64_t batch, std::int64_t count, std::int64_t groups, float iouThreshold,
    float scoreThreshold, std::int64_t limit, std::int64_t maxShifted, std::int64_t firstShift,
    void* workspace, std::int64_t* selected, std::int32_t* numSelected, void* stream) noexcept
{
    return catchAsCudaError(
        [&]
        {
            NmsParams const params{iouThreshold, scoreThreshold, limit, maxShifted, firstShift};
            return launchBatchedNms(NmsLaunch{boxes, scores, boxesPerGroup != 0, batch, count,
                                        groups, params, workspace, selected, numSelected},
                static_cast<cudaStream_t>(stream));
        });
}

int launch_boundary_refine(int type, void const* coarse, void const* fine, std::int64_t count,
    int coarseSize, int width, void* output, void* stream) noexcept
{
    return catchAsCudaError(
        [&]
        {
            return launchBoundaryRefine(BoundaryRefineLaunch{static_cast<ElementType>(type), coarse,
                                            fine, count, coarseSize, width, output},
                static_cast<cudaStream_t>(stream));
        });
}

int launch_paste_masks(int type, void const* masks, float const* boxes, std::int64_t count,
    int maskSize, std::int64_t height, std::int64_t width, float threshold, std::uint8_t* output,
    void* stream) noexcept
{
    return catchAsCudaError(
        [&]
        {
            return launchPasteMasks(PasteMasksLaunch{static_cast<ElementType>(type), masks, boxes,
                                        count, maskSize, height, width, threshold, output},
                static_cast<cudaStream_t>(stream));
        });
}

int launch_prepare_image(std::uint8_t const* source, std::int64_t width, std::int64_t height,
    std::int64_t stride, int format, std::int64_t resizedWidth, std::int64_t resizedHeight,
    std::int64_t paddedWidth, std::int64_t paddedHeight, std::uint8_t* target,
    void* stream) noexcept
{
    PreparedSize size{};
    size.height = resizedHeight;
    size.width = resizedWidth;
    size.paddedHeight = paddedHeight;
    size.paddedWidth = paddedWidth;
    ImageView const image{source, width, height, stride, static_cast<PixelFormat>(format)};
    return catchAsCudaError(
        [&]
        {
            return launchPrepareImage(
                PrepareImageLaunch{image, size, target}, static_cast<cudaStream_t>(stream));
        });
}
