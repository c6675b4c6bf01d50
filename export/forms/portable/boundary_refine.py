"""`refinemask::boundary_refine` -> a convolution that counts, and two resizings.

    foreground = Conv(coarse >= 0, a window of ones) / size of the window
    boundary   = share of the other value > 0.1               (the share outside the map is 0)
    keep       = Resize(not boundary) >= 0.5                  (corners in place)
    result     = Where(keep, Resize(coarse), fine)

as `refinemask.ops.boundary_refine` has it; the count is exact and its quotient is the same float32.
"""

from typing import Any

import numpy as np
import onnx
import onnx_ir as ir

from refinemask.export.forms.portable.operators import number, op


def boundary_refine(coarse_logits: Any, fine_logits: Any, width: int) -> Any:
    """Emit the nodes; arguments and result as those of the operator of the same name."""
    interior = op.Not(_boundary_region(op.GreaterOrEqual(coarse_logits, number(0)), width))
    share = _resize_aligned(op.Cast(interior, to=onnx.TensorProto.FLOAT))
    keep = op.GreaterOrEqual(share, number(0.5))
    return op.Where(keep, _resize_aligned(coarse_logits), fine_logits)


def _boundary_region(mask: Any, width: int) -> Any:
    side = 2 * width + 1
    window = op.Constant(value=ir.tensor(np.ones((1, 1, side, side), np.float32)))
    count = op.Conv(op.Cast(mask, to=onnx.TensorProto.FLOAT), window, pads=[width] * 4)
    foreground = op.Div(count, number(side**2))
    other = op.Where(mask, op.Sub(number(1), foreground), foreground)
    return op.Greater(other, number(0.1))


def _resize_aligned(maps: Any) -> Any:
    scales = op.Constant(value_floats=[1.0, 1.0, 2.0, 2.0])
    return op.Resize(
        maps, None, scales, mode="linear", coordinate_transformation_mode="align_corners"
    )
