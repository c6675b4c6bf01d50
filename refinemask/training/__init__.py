"""Training of both detectors."""

from typing import TYPE_CHECKING

from refinemask.lazy import lazy_attributes

if TYPE_CHECKING:
    from refinemask.training.distributed import PeerFailed, World, processes
    from refinemask.training.options import TrainOptions
    from refinemask.training.schedules import resolve, schedule_flags
    from refinemask.training.trainer import train

__all__ = ["PeerFailed", "TrainOptions", "World", "processes", "resolve", "schedule_flags", "train"]

__getattr__ = lazy_attributes(
    __name__,
    {
        "PeerFailed": "distributed",
        "TrainOptions": "options",
        "World": "distributed",
        "processes": "distributed",
        "resolve": "schedules",
        "schedule_flags": "schedules",
        "train": "trainer",
    },
)
