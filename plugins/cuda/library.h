// What librefinemask_cuda.so exports and librefinemask.so loads: work on images in memory of a GPU.
// No header of CUDA is needed. Both libraries are of the same version.
#pragma once

#include "image/prepare.h"

namespace refinemask
{

//! An image and its place in a batch, both in memory of the GPU.
struct PrepareImageLaunch
{
    ImageView source;     //!< of sides up to kLargestSide
    PreparedSize size;    //!< that preparedSize() has given for it
    std::uint8_t* target; //!< RGB, paddedHeight x paddedWidth x 3; all of it is written
};

} // namespace refinemask

extern "C"
{
    //! Return the version of the package that the library was built for.
    char const* refinemask_cuda_version() noexcept;

    //! Queue what prepareImage() does, bit for bit, on a CUDA stream of the current GPU. Nothing is
    //! allocated or waited for.
    //!
    //! \return nullptr, or why not, as CUDA says it.
    char const* refinemask_cuda_prepare_image(
        refinemask::PrepareImageLaunch const* launch, void* stream) noexcept;
}
