"""`refinemask::multiscale_roi_align` -> RoiAlign on every level, in the order of the RoIs.

    per level l:  index_l = NonZero(level == l)
                  pooled_l = RoiAlign(feature_l, rois[index_l])
    order = Concat(index_0, index_1, ...), a permutation of 0 .. K - 1
    result = Concat(pooled_0, pooled_1, ...)[inverse of order]

where the inverse is made by writing i to place order[i]. A single level needs none of that.

ONNX has no Log2. As log2 is monotonic, floor(log2(x)) >= l is the same as x >= t_l, where t_l is
the smallest float32 number of which PyTorch says log2(t_l) >= l: 2^l, or just below it where log2
rounds up.

A RoI of no width or height has no samples, and pools to 0. OpenVINO divides by their number and
gives NaN; a RoI that lies outside the map has samples that are all 0, so it takes the place.
"""

from collections.abc import Sequence
from typing import Any

import onnx
import torch
from onnxscript import opset18 as op

from refinemask.ops.multiscale_roi_align import FINEST_SCALE


def multiscale_roi_align(
    rois: Any,
    features: Sequence[Any],
    output_size: int,
    strides: Sequence[int],
    sampling_ratio: int,
) -> Any:
    """Emit the nodes; arguments and result as those of the operator of the same name."""
    if len(features) == 1:
        return _pool(features[0], strides[0], rois, output_size, sampling_ratio)
    indices = _level_indices(rois, len(features))
    pooled = [
        _pool(feature, stride, op.Gather(rois, index), output_size, sampling_ratio)
        for feature, stride, index in zip(features, strides, indices, strict=True)
    ]
    order = op.Concat(*indices, axis=0)
    zero, one = op.Constant(value_int=0), op.Constant(value_int=1)
    places = op.Range(zero, op.Squeeze(op.Shape(order)), one)
    return op.Gather(op.Concat(*pooled, axis=0), op.ScatterElements(order, order, places))


def _level_indices(rois: Any, num_levels: int) -> list[Any]:
    """Return the int64 (K_l,) indices of the RoIs of each level, as `assign_levels` does."""
    area = op.Mul(*_width_and_height(rois, first=1))
    side = op.Div(op.Sqrt(area), op.Constant(value_float=FINEST_SCALE))
    side = op.Squeeze(op.Add(side, op.Constant(value_float=1e-6)), op.Constant(value_ints=[1]))
    limits = [op.Constant(value_float=_smallest_side(level)) for level in range(1, num_levels)]
    at_least = [op.GreaterOrEqual(side, limit) for limit in limits]
    members = [
        op.Not(at_least[0]),
        *(op.And(low, op.Not(high)) for low, high in zip(at_least, at_least[1:], strict=False)),
        at_least[-1],
    ]
    return [op.Squeeze(op.NonZero(member), op.Constant(value_ints=[0])) for member in members]


def _smallest_side(level: int) -> float:
    side = torch.tensor(2.0**level)
    while torch.log2(below := torch.nextafter(side, torch.tensor(0.0))) >= level:
        side = below
    return side.item()


def _pool(feature: Any, stride: int, rois: Any, output_size: int, sampling_ratio: int) -> Any:
    image = op.Gather(rois, op.Constant(value_int=0), axis=1)
    start, end, axis = (op.Constant(value_ints=[value]) for value in (1, 5, 1))
    boxes = op.Slice(rois, start, end, axis)
    return op.RoiAlign(
        feature,
        _with_samples(boxes, stride),
        op.Cast(image, to=onnx.TensorProto.INT64),
        coordinate_transformation_mode="half_pixel",
        mode="avg",
        output_height=output_size,
        output_width=output_size,
        sampling_ratio=sampling_ratio,
        spatial_scale=1 / stride,
    )


def _with_samples(boxes: Any, stride: int) -> Any:
    """Replace the boxes that RoiAlign finds to have no extent by one outside the map."""
    cells = op.Mul(boxes, op.Constant(value_float=1 / stride))
    cells = op.Sub(cells, op.Constant(value_float=0.5))
    extent = op.Min(*_width_and_height(cells, first=0))
    outside = op.Constant(value_floats=[-4.0 * stride] * 2 + [-3.0 * stride] * 2)
    return op.Where(op.Greater(extent, op.Constant(value_float=0.0)), boxes, outside)


def _width_and_height(rows: Any, first: int) -> tuple[Any, Any]:
    """Return the float32 (K, 1) extents of rows whose columns from `first` are x1, y1, x2, y2."""
    x1, y1, x2, y2 = (_column(rows, first + i) for i in range(4))
    return op.Sub(x2, x1), op.Sub(y2, y1)


def _column(rows: Any, index: int) -> Any:
    return op.Gather(rows, op.Constant(value_ints=[index]), axis=1)
