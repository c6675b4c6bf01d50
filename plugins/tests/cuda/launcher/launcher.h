// The launch functions of the kernels for Python's ctypes: of the CUDA kernels, or of their threads
// run by the CPU, whichever is linked. Every function returns a cudaError_t.
#pragma once

#include <cstddef>
#include <cstdint>

extern "C"
{
    //! `type` is 0 for float32, 1 for float16 and 2 for bfloat16, here and below.
    int launch_multiscale_roi_align(int type, float const* rois, std::int64_t numRois,
        void const* const* maps, int const* heights, int const* widths, int batch, int channels,
        int cellStride, std::int64_t const* strides, int numLevels, int outputSize,
        int samplingRatio, int aligned, int epsilonAfterLog, float finestScale, void* output,
        void* stream) noexcept;

    std::size_t workspace_of_batched_nms(
        std::int64_t batch, std::int64_t count, std::int64_t groups, std::int64_t limit) noexcept;

    int launch_batched_nms(float const* boxes, int boxesPerGroup, float const* scores,
        std::int64_t batch, std::int64_t count, std::int64_t groups, float iouThreshold,
        float scoreThreshold, std::int64_t limit, std::int64_t maxShifted, std::int64_t firstShift,
        void* workspace, std::int64_t* selected, std::int32_t* numSelected, void* stream) noexcept;

    int launch_boundary_refine(int type, void const* coarse, void const* fine, std::int64_t count,
        int coarseSize, int width, void* output, void* stream) noexcept;

    int launch_paste_masks(int type, void const* masks, float const* boxes, std::int64_t count,
        int maskSize, std::int64_t height, std::int64_t width, float threshold,
        std::uint8_t* output, void* stream) noexcept;

    std::size_t workspace_of_nonzero_places(std::int64_t total) noexcept;

    int launch_nonzero_places(float const* mask, std::int64_t height, std::int64_t width,
        std::int64_t total, void* workspace, std::int64_t* places, std::int32_t* numPlaces,
        void* stream) noexcept;

    //! `shape` are the four lengths of the maps, and `tile` is height, width and margin.
    int launch_gather_tiles(int type, void const* maps, std::int64_t const* shape,
        std::int64_t const* places, std::int64_t numPlaces, std::int64_t const* tile, void* tiles,
        void* stream) noexcept;

    int launch_scatter_tiles(int type, void const* tiles, std::int64_t const* tile,
        std::int64_t const* places, std::int64_t numPlaces, std::int64_t const* shape, void* maps,
        void* stream) noexcept;

    int launch_conv_at_places(int type, void const* maps, std::int64_t const* shape,
        std::int64_t const* places, std::int64_t numPlaces, std::int64_t outputs, std::int64_t side,
        std::int64_t dilation, void const* weight, void const* bias, void* output,
        void* stream) noexcept;

    //! `format` is that of PixelFormat in image/image.h.
    int launch_prepare_image(std::uint8_t const* source, std::int64_t width, std::int64_t height,
        std::int64_t stride, int format, std::int64_t resizedWidth, std::int64_t resizedHeight,
        std::int64_t paddedWidth, std::int64_t paddedHeight, std::uint8_t* target,
        void* stream) noexcept;
}
