"""Checkpoints: saving, loading and synthetic weights."""

from typing import TYPE_CHECKING

from refinemask.lazy import lazy_attributes

if TYPE_CHECKING:
    from refinemask.checkpoints.load import load_model
    from refinemask.checkpoints.native_format import save_checkpoint
    from refinemask.checkpoints.synthetic import synthetic_model

__all__ = ["load_model", "save_checkpoint", "synthetic_model"]

__getattr__ = lazy_attributes(
    __name__,
    {
        "load_model": "load",
        "save_checkpoint": "native_format",
        "synthetic_model": "synthetic",
    },
)
