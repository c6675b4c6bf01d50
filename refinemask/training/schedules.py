"""The published schedules (numerics 14): sets of training options."""

from dataclasses import asdict, dataclass, fields
from typing import Any

from refinemask.configs.options import flag
from refinemask.errors import WrongUsage
from refinemask.training.options import CURVES, TrainOptions, shown

_BATCH = 16


@dataclass(frozen=True)
class Schedule:
    """The options that a published configuration sets, named as in `TrainOptions`."""

    epochs: int
    steps: tuple[int, ...]
    short_sides: tuple[int, ...]
    long_side: int
    learning_rate: float = 0.02
    """For SGD with 16 images per batch; scaled in proportion for other batch sizes."""
    warm_up: int = 500
    batch_size: int = _BATCH
    repeat: int = 1
    repeat_threshold: float | None = None


PUBLISHED = {
    "1x": Schedule(12, (8, 11), (800,), 1333),
    "2x": Schedule(24, (16, 22), (800,), 1333),
    "lvis": Schedule(12, (8, 11), tuple(range(640, 801, 32)), 1333, repeat_threshold=1e-3),
    "cityscapes": Schedule(8, (7,), tuple(range(800, 1025)), 2048, learning_rate=0.01, repeat=8),
}


def resolve(schedule: str, given: dict[str, Any]) -> TrainOptions:
    """Return the options of a run; explicit options take precedence over a published schedule.

    Args:
        schedule: a published schedule, or a curve of the learning rate.
        given: the options that were given explicitly, by name.

    Raises:
        WrongUsage: the schedule is unknown, or options contradict one another.
    """
    if schedule in CURVES:
        return TrainOptions(**given | {"schedule": schedule})
    if schedule not in PUBLISHED:
        allowed = " or ".join((*CURVES, *PUBLISHED))
        raise WrongUsage(f"--schedule must be {allowed}, got {schedule!r}")
    values = asdict(PUBLISHED[schedule])
    values["learning_rate"] *= given.get("batch_size", _BATCH) / _BATCH
    if given.get("optimizer", "sgd") != "sgd":
        del values["learning_rate"]
    epochs = given.get("epochs", values["epochs"])
    if epochs != values["epochs"]:
        values["steps"] = tuple(step * epochs / values["epochs"] for step in values["steps"])
    return TrainOptions(**values | given)


def schedule_flags(options: TrainOptions) -> str:
    """Return the schedule of a run as command-line options."""
    names = ("optimizer", "schedule", *(field.name for field in fields(Schedule)), "iterations")
    values = options.to_dict()
    return " ".join(
        f"{flag(name)} {shown(values[name])}" for name in names if values[name] is not None
    )
