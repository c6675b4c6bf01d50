"""Training of both detectors."""

from refinemask.training.distributed import PeerFailed, World, processes
from refinemask.training.options import TrainOptions
from refinemask.training.schedules import describe, resolve
from refinemask.training.trainer import train

__all__ = ["PeerFailed", "TrainOptions", "World", "describe", "processes", "resolve", "train"]
