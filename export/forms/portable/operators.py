"""Standard ONNX operators, as the translations emit them."""

from typing import Any

from onnxscript import opset18

OPSET = 18
op: Any = opset18
"""The operators by name. Not typed: onnxscript's annotations are for arrays, not for symbols."""


def integers(*values: int) -> Any:
    """Return an int64 vector."""
    return op.Constant(value_ints=list(values))


def number(value: float) -> Any:
    """Return a float32 scalar."""
    return op.Constant(value_float=float(value))


def count_up_to(end: Any) -> Any:
    """Return int64 0, 1, ..., `end` - 1 for an int64 vector of one element."""
    zero, one = op.Constant(value_int=0), op.Constant(value_int=1)
    return op.Range(zero, op.Squeeze(end), one)
