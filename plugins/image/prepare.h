// Images as networks take them: resized, and padded with zeros at the bottom and the right
// (numerics 1).
#pragma once

#include "cpu/parallel.h"
#include "image/image.h"

namespace refinemask
{

//! What a network asks of its images. All lengths are pixels.
struct PrepareOptions
{
    std::int64_t shortSide;       //!< of the resized image, at most
    std::int64_t longSide;        //!< of the resized image, at most
    std::int64_t divisor = 32;    //!< of the padded height and width, where they are not fixed
    std::int64_t fixedHeight = 0; //!< of the padded image; 0 where it is not fixed
    std::int64_t fixedWidth = 0;
};

//! The sizes that follow for one image, and the factors from it to the resized image.
struct PreparedSize
{
    std::int64_t height; //!< of the resized image
    std::int64_t width;
    std::int64_t paddedHeight;
    std::int64_t paddedWidth;
    float scaleX;
    float scaleY;
};

//! Return the sizes for an image of height x width pixels. Throws std::invalid_argument unless they
//! and the options are 1 to kLargestSide; what may be 0 is said above.
PreparedSize preparedSize(std::int64_t height, std::int64_t width, PrepareOptions const& options);

//! Fill `target`, which is RGB and of the padded size, from a source of any format; return the
//! sizes. Throws std::invalid_argument for other images, and as preparedSize().
PreparedSize prepareImage(ImageView const& source, PrepareOptions const& options,
    MutableImageView const& target, ParallelFor const& parallelFor);

} // namespace refinemask
