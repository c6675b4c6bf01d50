// The C functions of librefinemask.so, which refinemask/inference/native.py calls through ctypes.
// They check their arguments, and no exception leaves them.
#pragma once

#include <stdint.h>

#ifdef __cplusplus
extern "C"
{
#endif

    //! Return the version of the package that the library was built for.
    char const* refinemask_version(void);

    //! Paste masks (count x maskSize x maskSize) from their boxes (count x 4, xyxy in pixels) into
    //! bitmaps (count x height x width) of 0 and 1; all of `output` is written.
    //!
    //! \return 0, or -1 where memory ran out, a pointer is null, or a size is negative or beyond
    //! the limits of PasteMasks.
    int32_t refinemask_paste_masks(float const* masks, float const* boxes, int64_t count,
        int32_t maskSize, int64_t height, int64_t width, float threshold, uint8_t* output);

    //! Encode a pasted mask as COCO does: the text of `counts`, without a zero at its end.
    //!
    //! \return its length, of which the first `capacity` characters are written to `text`; -1 as
    //! above.
    int64_t refinemask_paste_rle(float const* mask, int32_t maskSize, float const* box,
        int64_t height, int64_t width, float threshold, char* text, int64_t capacity);

    //! Encode a bitmap (height x width bytes, 0 where it is off) in the same way.
    int64_t refinemask_encode_rle(
        uint8_t const* bitmap, int64_t height, int64_t width, char* text, int64_t capacity);

    //! Resize an image bilinearly into another, which is RGB, or grey if the source is. Formats are
    //! those of PixelFormat in image/image.h, strides are bytes from row to row.
    //!
    //! \return 0, or -1 where memory ran out or resizeBilinear() in image/resize.h refuses an
    //! image.
    int32_t refinemask_resize(uint8_t const* source, int64_t sourceWidth, int64_t sourceHeight,
        int64_t sourceStride, int32_t sourceFormat, uint8_t* target, int64_t targetWidth,
        int64_t targetHeight, int64_t targetStride, int32_t targetFormat);

    //! Resize an image to fit the options, which are those of PrepareOptions in image/prepare.h,
    //! and pad it; the target must have the size that they give.
    //!
    //! \return 0, or -1 where memory ran out or prepareImage() refuses an image or an option.
    int32_t refinemask_prepare(uint8_t const* source, int64_t sourceWidth, int64_t sourceHeight,
        int64_t sourceStride, int32_t sourceFormat, int64_t shortSide, int64_t longSide,
        int64_t divisor, int64_t fixedHeight, int64_t fixedWidth, uint8_t* target,
        int64_t targetWidth, int64_t targetHeight, int64_t targetStride, int32_t targetFormat);

#ifdef __cplusplus
}
#endif
