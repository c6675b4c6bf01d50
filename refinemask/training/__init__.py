"""Training of both detectors."""

from refinemask.training.distributed import PeerFailed, World, processes
from refinemask.training.options import TrainOptions
from refinemask.training.schedules import resolve, schedule_flags
from refinemask.training.trainer import train

__all__ = ["PeerFailed", "TrainOptions", "World", "processes", "resolve", "schedule_flags", "train"]
