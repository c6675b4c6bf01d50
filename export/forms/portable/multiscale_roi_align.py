"""`refinemask::multiscale_roi_align` -> RoiAlign on every level, in the order of the RoIs.

    per level l:  index_l = NonZero(level == l)
                  pooled_l = RoiAlign(feature_l, rois[index_l])
    order = Concat(index_0, index_1, ...), a permutation of 0 .. K - 1
    result = Concat(pooled_0, pooled_1, ...)[inverse of order]

where the inverse is made by writing i to place order[i]. A single level needs none of that.

ONNX has no Log2. As the level grows with the side of a RoI, the square root of its area, level >= l
is the same as side >= t_l, where t_l is the smallest float32 number whose level PyTorch says is l:
56 * 2^l, or just below it.

With an adaptive number of samples, a RoI of no width or height has none and pools to 0. OpenVINO
divides by their number and gives NaN; a RoI that lies outside the map has samples that are all 0,
so it takes the place. RoIs that are not aligned are at least one cell wide and high, and have
samples always.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import onnx
import torch

from refinemask.export.forms.portable.operators import count_up_to, integers, number, op
from refinemask.ops.levels import FINEST_SCALE, side_levels


def multiscale_roi_align(
    rois: Any,
    features: Sequence[Any],
    output_size: int,
    strides: Sequence[int],
    sampling_ratio: int,
    aligned: bool,
    epsilon_after_log: bool,
) -> Any:
    """Emit the nodes; arguments and result as those of the operator of the same name."""
    options = (output_size, sampling_ratio, aligned)
    if len(features) == 1:
        return _pool(features[0], strides[0], rois, *options)
    indices = _level_indices(rois, len(features), epsilon_after_log)
    pooled = [
        _pool(feature, stride, op.Gather(rois, index), *options)
        for feature, stride, index in zip(features, strides, indices, strict=True)
    ]
    order = op.Concat(*indices, axis=0)
    places = op.ScatterElements(order, order, count_up_to(op.Shape(order)))
    return op.Gather(op.Concat(*pooled, axis=0), places)


def _level_indices(rois: Any, num_levels: int, epsilon_after_log: bool) -> list[Any]:
    """Return the int64 (K_l,) indices of the RoIs of each level, as `assign_levels` does."""
    area = op.Mul(*_width_and_height(rois, first=1))
    side = op.Squeeze(op.Sqrt(area), integers(1))
    above = [
        op.GreaterOrEqual(side, number(smallest_side(level, epsilon_after_log)))
        for level in range(1, num_levels)
    ]
    between = [op.And(low, op.Not(high)) for low, high in pairwise(above)]
    members = [op.Not(above[0]), *between, above[-1]]
    return [op.Squeeze(op.NonZero(member), integers(0)) for member in members]


def smallest_side(level: int, epsilon_after_log: bool = False) -> float:
    """Return the smallest float32 side of a square whose level is at least `level`."""
    side = torch.tensor(FINEST_SCALE * 2.0**level)
    while side_levels(below := side.nextafter(torch.tensor(0.0)), epsilon_after_log) >= level:
        side = below
    return side.item()


def _pool(
    feature: Any, stride: int, rois: Any, output_size: int, sampling_ratio: int, aligned: bool
) -> Any:
    image = op.Gather(rois, op.Constant(value_int=0), axis=1)
    boxes = op.Slice(rois, integers(1), integers(5), integers(1))
    pooled = op.RoiAlign(
        op.Cast(feature, to=onnx.TensorProto.FLOAT),
        boxes if sampling_ratio or not aligned else _with_samples(boxes, stride),
        op.Cast(image, to=onnx.TensorProto.INT64),
        coordinate_transformation_mode="half_pixel" if aligned else "output_half_pixel",
        mode="avg",
        output_height=output_size,
        output_width=output_size,
        sampling_ratio=sampling_ratio,
        spatial_scale=1 / stride,
    )
    return op.CastLike(pooled, feature)


def _with_samples(boxes: Any, stride: int) -> Any:
    """Replace the boxes that RoiAlign finds to have no extent by one outside the map."""
    cells = op.Sub(op.Mul(boxes, number(1 / stride)), number(0.5))
    extent = op.Min(*_width_and_height(cells, first=0))
    outside = op.Constant(value_floats=[-4.0 * stride] * 2 + [-3.0 * stride] * 2)
    return op.Where(op.Greater(extent, number(0)), boxes, outside)


def _width_and_height(rows: Any, first: int) -> tuple[Any, Any]:
    """Return the float32 (K, 1) extents of rows whose columns from `first` are x1, y1, x2, y2."""
    x1, y1, x2, y2 = (op.Gather(rows, integers(first + i), axis=1) for i in range(4))
    return op.Sub(x2, x1), op.Sub(y2, y1)
