"""`refinemask::multiscale_roi_align` -> gathers of cells, and two products with their weights.

The mean over the r x r samples of a bin, each interpolated bilinearly, is separable: along either
axis a bin takes T / S = 2 r cells (two for each sample), and

    pooled[bin y, bin x] = sum over its rows and columns  weight_y * weight_x * map[row, column]

The cells of all levels are the rows of one table, in which a RoI's level and image are where its
cells begin. The (T, T) cells of a RoI are gathered, and multiplied by the weights of the rows and
then by those of the columns. As these cells are (2 r)^2 times the result, that is done for a part
of the bins' rows at a time.

Positions and weights are the float32 arithmetic of torchvision: a sample more than one cell outside
of the map is 0, one that is less far outside has the value of the border.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
import onnx_ir as ir

from refinemask.export.forms.portable.multiscale_roi_align import smallest_side
from refinemask.export.forms.portable.operators import integers, number, op

_PARTS = 7
"""Into how many parts the rows of the bins are divided."""
_FLOAT, _INT32 = onnx.TensorProto.FLOAT, onnx.TensorProto.INT32


def multiscale_roi_align(
    rois: Any,
    features: Sequence[Any],
    output_size: int,
    strides: Sequence[int],
    sampling_ratio: int,
    aligned: bool,
    epsilon_after_log: bool,
) -> Any:
    """Emit the nodes; arguments and result as those of the operator of the same name.

    The sampling ratio must be fixed: one that adapts to the RoI makes shapes that do, too.
    """
    assert sampling_ratio > 0
    channels = int(features[0].shape[1])
    image, x1, y1, x2, y2 = op.Split(rois, num_outputs=5, axis=1)
    level = _levels(x1, y1, x2, y2, len(features), epsilon_after_log)
    table, (first, height, width) = _table(features, channels, level)
    scale = _of_level(op.Constant(value_floats=[1 / stride for stride in strides]), level)
    options = output_size, sampling_ratio, aligned
    rows, row_weights = _samples(y1, y2, scale, height, *options)
    columns, column_weights = _samples(x1, x2, scale, width, *options)
    start = op.Add(first, op.Mul(op.Cast(image, to=_INT32), op.Mul(height, width)))
    rows = op.Add(op.Mul(rows, _matrix(width)), _matrix(start))
    return _pooled(table, channels, (rows, row_weights), (columns, column_weights), *options[:2])


def _levels(x1: Any, y1: Any, x2: Any, y2: Any, count: int, epsilon_after_log: bool) -> Any:
    """Return the int32 level of each RoI, (K, 1), as `assign_levels` does; None of one level."""
    if count == 1:
        return None
    side = op.Sqrt(op.Mul(op.Sub(x2, x1), op.Sub(y2, y1)))
    limits = [smallest_side(level, epsilon_after_log) for level in range(1, count)]
    reached = op.GreaterOrEqual(side, op.Constant(value_floats=limits))
    return op.ReduceSum(op.Cast(reached, to=_INT32), integers(1), keepdims=1)


def _of_level(values: Any, level: Any) -> Any:
    """Return the value of each RoI's level, (K, 1), or that of the only level, (1,)."""
    return values if level is None else op.Gather(values, level)


def _table(features: Sequence[Any], channels: int, level: Any) -> tuple[Any, list[Any]]:
    """Return the cells of all levels, (cells, C), by level, image, row and column.

    And, for the level of each RoI, in int32: where it begins, its height and its width in cells.
    """
    parts, starts, heights, widths = [], [], [], []
    start = op.Constant(value=ir.tensor(np.zeros(1, np.int32)))
    for feature in features:
        parts.append(op.Reshape(op.Transpose(feature, perm=[0, 2, 3, 1]), integers(-1, channels)))
        batch, _, height, width = op.Split(
            op.Cast(op.Shape(feature), to=_INT32), num_outputs=4, axis=0
        )
        starts.append(start)
        heights.append(height)
        widths.append(width)
        start = op.Add(start, op.Mul(batch, op.Mul(height, width)))
    sizes = [_of_level(op.Concat(*values, axis=0), level) for values in (starts, heights, widths)]
    return op.Concat(*parts, axis=0), sizes


def _samples(
    low: Any, high: Any, scale: Any, length: Any, size: int, ratio: int, aligned: bool
) -> tuple[Any, Any]:
    """Return the cells that each bin takes along one axis, int32 (K, S, 2 r), and their weights."""
    offset = number(0.5 if aligned else 0)
    start = op.Sub(op.Mul(low, scale), offset)
    extent = op.Sub(op.Sub(op.Mul(high, scale), offset), start)
    if not aligned:
        extent = op.Max(extent, number(1))
    step = _matrix(_quotient(extent, size))  # of a bin
    bins = op.Constant(value=ir.tensor(np.arange(size, dtype=np.float32)[:, None]))
    halves = op.Constant(value=ir.tensor(np.arange(ratio, dtype=np.float32) + np.float32(0.5)))
    position = op.Add(
        op.Add(_matrix(start), op.Mul(bins, step)),
        op.Div(op.Mul(halves, step), number(ratio)),
    )
    end = _matrix(op.Cast(length, to=_FLOAT))
    inside = op.And(op.GreaterOrEqual(position, number(-1)), op.LessOrEqual(position, end))
    share = op.Mul(op.Cast(inside, to=_FLOAT), number(1 / ratio))
    last = op.Sub(end, number(1))
    position = op.Min(op.Max(position, number(0)), last)
    below = op.Floor(position)
    beyond = op.Sub(position, below)
    cells = op.Concat(below, op.Min(op.Add(below, number(1)), last), axis=2)
    weights = op.Concat(op.Mul(op.Sub(number(1), beyond), share), op.Mul(beyond, share), axis=2)
    return _in_range(op.Cast(cells, to=_INT32), _matrix(length)), weights


def _quotient(extent: Any, size: int) -> Any:
    """Return extent / size, rounded to the next float32.

    OpenVINO multiplies by 1 / size, which moves the samples of large RoIs enough for boxes to miss
    the tolerance of the gate. What is left of the extent, which corrects it, is exact: 64ths of a
    cell and what is beyond them have so few digits that their products with the size are exact.
    """
    quotient = op.Div(extent, number(size))
    coarse = op.Mul(op.Floor(op.Mul(quotient, number(64))), number(1 / 64))
    left = op.Sub(extent, op.Mul(coarse, number(size)))
    left = op.Sub(left, op.Mul(op.Sub(quotient, coarse), number(size)))
    return op.Add(quotient, op.Mul(left, number(1 / size)))


def _in_range(cells: Any, length: Any) -> Any:
    """Keep what NaN was cast to inside of the map: weights of NaN make it NaN again."""
    zero, one = (op.Constant(value=ir.tensor(np.array(i, np.int32))) for i in (0, 1))
    return op.Min(op.Max(cells, zero), op.Sub(length, one))


def _pooled(
    table: Any,
    channels: int,
    rows: tuple[Any, Any],
    columns: tuple[Any, Any],
    size: int,
    ratio: int,
) -> Any:
    """Gather the cells and sum them with their weights: (K, C, S, S)."""
    taps, all_taps = 2 * ratio, 2 * ratio * size
    column_cells = op.Reshape(columns[0], integers(0, 1, all_taps))
    column_weights = op.Reshape(columns[1], integers(0, 1, size, 1, taps))
    parts = []
    most = -(-size // _PARTS)
    for first in range(0, size, most):
        count = min(most, size - first)
        bounds = integers(first), integers(first + count), integers(1)
        cells, weights = (op.Slice(values, *bounds) for values in rows)
        index = op.Add(op.Reshape(cells, integers(0, count * taps, 1)), column_cells)
        gathered = op.Cast(op.Gather(table, index), to=_FLOAT)
        gathered = op.Reshape(gathered, integers(0, count, taps, all_taps * channels))
        summed = op.MatMul(op.Reshape(weights, integers(0, count, 1, taps)), gathered)
        summed = op.Reshape(summed, integers(0, count, size, taps, channels))
        parts.append(op.MatMul(column_weights, summed))
    pooled = op.Squeeze(op.Concat(*parts, axis=1), integers(3))
    return op.CastLike(op.Transpose(pooled, perm=[0, 3, 1, 2]), table)


def _matrix(column: Any) -> Any:
    """Return values of RoIs, (K, 1), as (K, 1, 1), and one value of all of them as it is."""
    return op.Unsqueeze(column, integers(-1))
