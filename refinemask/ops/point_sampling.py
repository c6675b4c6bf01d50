"""Sample a feature map once in every cell of a RoI (numerics 7.1).

The value at cell (i, j) is that of the map at the cell's centre, interpolated bilinearly, and the
map is zero outside. RoIAlign with one sample a bin takes the same points, but keeps the values of
the border for one cell outside the map before it gives zero. With a ring of zeros around the map,
what it keeps is zero, and a point less than one cell outside the map interpolates with the ring:

    point_sample(map, rois) = roi_align(pad(map), rois + stride, samples = 1)

so that every runtime and every operator library that has RoIAlign has this as well.
"""

from torch import Tensor
from torch.nn import functional as F

from refinemask.ops.multiscale_roi_align import multiscale_roi_align


def point_sample(rois: Tensor, feature: Tensor, output_size: int, stride: int) -> Tensor:
    """Sample every RoI on a regular grid.

    Args:
        rois: float32 (K, 5): image index, x1, y1, x2, y2 in resized-image pixels.
        feature: (B, C, H, W) map.
        output_size: side S of the grid.
        stride: pixels per feature cell.

    Returns:
        (K, C, S, S) in the dtype of the feature; a RoI of no extent repeats its only point.
    """
    shifted = rois + rois.new_tensor([0, stride, stride, stride, stride])
    ringed = F.pad(feature, (1, 1, 1, 1))
    return multiscale_roi_align(shifted, [ringed], output_size, [stride], sampling_ratio=1)
