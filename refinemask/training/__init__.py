"""Training of both detectors."""

from refinemask.training.options import TrainOptions
from refinemask.training.trainer import train

__all__ = ["TrainOptions", "train"]
