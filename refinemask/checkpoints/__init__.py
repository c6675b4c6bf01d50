"""Checkpoints: saving, loading and synthetic weights."""

from refinemask.checkpoints.io import load_model, save_checkpoint
from refinemask.checkpoints.synthetic import synthetic_model

__all__ = ["load_model", "save_checkpoint", "synthetic_model"]
