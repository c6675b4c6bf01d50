"""The number formats in which an artifact computes."""

from typing import Literal, get_args

Precision = Literal["float32", "float16"]
"""float32: as PyTorch. float16: convolutions and matrix products of 16 bits."""
PRECISIONS: tuple[str, ...] = get_args(Precision)
