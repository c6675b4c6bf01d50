// What refinemask/inference/native.py calls through ctypes: plain C, checked there, no exception leaves it.
#pragma once

#include <cstdint>

#ifdef __cplusplus
extern "C"
{
#endif

    //! The version of the package that the library was built for.
    char const* refinemask_native_version();

    //! Paste masks (count x maskSize x maskSize) from their boxes (count x 4, xyxy in pixels) into
    //! bitmaps (count x height x width) of 0 and 1; all of `output` is written.
    //!
    //! \return 0, or -1 where memory ran out or an argument is negative or null.
    std::int32_t refinemask_paste_masks(float const* masks, float const* boxes, std::int64_t count,
        std::int32_t maskSize, std::int64_t height, std::int64_t width, float threshold,
        std::uint8_t* output);

    //! Find the runs of one pasted mask: start and exclusive end of each, column-major pixel
    //! indices.
    //!
    //! \return how many numbers that are, of which the first `capacity` are written to `edges`; -1
    //! as above.
    std::int64_t refinemask_paste_runs(float const* mask, std::int32_t maskSize, float const* box,
        std::int64_t height, std::int64_t width, float threshold, std::int64_t* edges,
        std::int64_t capacity);

#ifdef __cplusplus
}
#endif
