"""`refinemask::sorted_nms` -> the matrix of suppressions, and a Loop to its fixed point.

The boxes of a row are sorted by score, so that box i may suppress box j only for i < j:

    suppresses = strictly upper part of (IoU > threshold)        (R, K, K)
    kept       = candidates                                      (R, 1, K)
    repeat       kept = candidates and not (kept . suppresses)   until nothing changes

It is exact. Whether box j is kept depends on the boxes before it alone. So after n steps the first
n of them are as in the greedy suppression, whatever the others are: they stay so, and after at most
K steps nothing changes. Where nothing changes, exactly those candidates are kept that no kept box
before them suppresses, which is the greedy suppression. In photographs, 3 to 20 steps are enough.
"""

from typing import Any

import numpy as np
import onnx
import onnx_ir as ir
from onnxscript import BOOL, FLOAT, script

from refinemask.export.forms.portable.operators import count_up_to, integers, number, op

_SMALLEST_AREA = float(np.finfo(np.float32).tiny)
"""Area of boxes that have none, whose IoU is then 0 and not 0 / 0."""
_TRUE = ir.tensor(np.array(True))


def sorted_nms(boxes: Any, candidates: Any, iou_threshold: float, groups: Any = None) -> Any:
    """Emit the nodes; arguments and result as those of `refinemask.ops.sorted_nms.sorted_nms`."""
    overlaps = op.Greater(_iou(boxes), number(iou_threshold))
    suppresses = op.And(overlaps, _is_before(op.Shape(boxes, start=1, end=2)))
    if groups is not None:
        same = op.Equal(op.Unsqueeze(groups, integers(2)), op.Unsqueeze(groups, integers(1)))
        suppresses = op.And(suppresses, same)
    kept = _fixed_point(
        op.Unsqueeze(candidates, integers(1)), op.Cast(suppresses, to=onnx.TensorProto.FLOAT)
    )
    return op.Squeeze(kept, integers(1))


@script(default_opset=op)
def _fixed_point(
    candidates: BOOL[...],  # type: ignore[type-arg, misc]
    suppresses: FLOAT[...],  # type: ignore[type-arg, misc]
) -> BOOL[...]:  # type: ignore[type-arg, misc]
    """Suppress by what is kept until nothing changes: the body becomes the Loop of the graph."""
    kept = candidates
    changes = op.Constant(value=_TRUE)
    while changes:
        suppressed = op.MatMul(op.Cast(kept, to=onnx.TensorProto.FLOAT), suppresses)
        next_kept = op.And(candidates, op.Less(suppressed, op.Constant(value_float=0.5)))
        changed = op.Cast(op.Xor(kept, next_kept), to=onnx.TensorProto.FLOAT)
        changes = op.Greater(op.ReduceMax(changed, keepdims=0), op.Constant(value_float=0.5))
        kept = op.Identity(next_kept)
    return kept


def _iou(boxes: Any) -> Any:
    """Return the float32 IoU (R, K, K) of each two boxes of a row."""
    x1, y1, x2, y2 = op.Split(boxes, num_outputs=4, axis=2)
    overlap = op.Mul(_common(x1, x2), _common(y1, y2))
    area = op.Max(op.Mul(op.Sub(x2, x1), op.Sub(y2, y1)), number(_SMALLEST_AREA))
    return op.Div(overlap, op.Sub(op.Add(area, _transposed(area)), overlap))


def _common(low: Any, high: Any) -> Any:
    """Return the length (R, K, K) that each two intervals, (R, K, 1), have in common."""
    end, start = op.Min(high, _transposed(high)), op.Max(low, _transposed(low))
    return op.Max(op.Sub(end, start), number(0))


def _transposed(column: Any) -> Any:
    return op.Transpose(column, perm=[0, 2, 1])


def _is_before(count: Any) -> Any:
    """Return bool (K, K), whether row i is before column j."""
    place = count_up_to(count)
    return op.Less(op.Unsqueeze(place, integers(1)), place)
