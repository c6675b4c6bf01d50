#include "tests/cuda/launcher/launcher.h"

#include "cuda/batched_nms.h"
#include "cuda/boundary_refine.h"
#include "cuda/conv_at_places.h"
#include "cuda/multiscale_roi_align.h"
#include "cuda/paste_masks.h"
#include "cuda/places.h"
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

MapsShape toMapsShape(std::int64_t const* shape)
{
    return MapsShape{shape[0], shape[1], shape[2], shape[3]};
}

TileSize toTileSize(std::int64_t const* tile)
{
    return TileSize{tile[0], tile[1], tile[2]};
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

std::size_t workspace_of_nonzero_places(std::int64_t total) noexcept
{
    return placesWorkspace(total);
}

int launch_nonzero_places(float const* mask, std::int64_t height, std::int64_t width,
    std::int64_t total, void* workspace, std::int64_t* places, std::int32_t* numPlaces,
    void* stream) noexcept
{
    return catchAsCudaError(
        [&]
        {
            return launchNonZeroPlaces(
                NonZeroPlacesLaunch{mask, height, width, total, workspace, places, numPlaces},
                static_cast<cudaStream_t>(stream));
        });
}

int launch_gather_tiles(int type, void const* maps, std::int64_t const* shape,
    std::int64_t const* places, std::int64_t numPlaces, std::int64_t const* tile, void* tiles,
    void* stream) noexcept
{
    return catchAsCudaError(
        [&]
        {
            return launchGatherTiles(
                GatherTilesLaunch{static_cast<ElementType>(type), maps, toMapsShape(shape), places,
                    numPlaces, toTileSize(tile), tiles},
                static_cast<cudaStream_t>(stream));
        });
}

int launch_scatter_tiles(int type, void const* tiles, std::int64_t const* tile,
    std::int64_t const* places, std::int64_t numPlaces, std::int64_t const* shape, void* maps,
    void* stream) noexcept
{
    return catchAsCudaError(
        [&]
        {
            return launchScatterTiles(
                ScatterTilesLaunch{static_cast<ElementType>(type), tiles, toTileSize(tile), places,
                    numPlaces, toMapsShape(shape), maps},
                static_cast<cudaStream_t>(stream));
        });
}

int launch_conv_at_places(int type, void const* maps, std::int64_t const* shape,
    std::int64_t const* places, std::int64_t numPlaces, std::int64_t outputs, std::int64_t side,
    std::int64_t dilation, void const* weight, void const* bias, void* output,
    void* stream) noexcept
{
    return catchAsCudaError(
        [&]
        {
            return launchConvAtPlaces(
                ConvAtPlacesLaunch{static_cast<ElementType>(type), maps, toMapsShape(shape), places,
                    numPlaces, PlaceKernel{outputs, side, dilation}, weight, bias, output},
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
