"""Checkpoints: saving, loading and synthetic weights."""

from refinemask.checkpoints.load import load_model
from refinemask.checkpoints.native_format import save_checkpoint
from refinemask.checkpoints.synthetic import synthetic_model

__all__ = ["load_model", "save_checkpoint", "synthetic_model"]
