"""The published schedules (numerics 14), as values of training options that others override."""

from dataclasses import asdict, dataclass, fields
from typing import Any

from refinemask.training.options import CURVES, TrainOptions, flag, shown

_BATCH = 16


@dataclass(frozen=True)
class Schedule:
    """What a published configuration sets; the fields are those of `TrainOptions`."""

    epochs: int
    steps: tuple[int, ...]
    short_sides: tuple[int, ...]
    long_side: int
    learning_rate: float = 0.02
    """For SGD at the published batch; other batches get it in proportion."""
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


def resolve(schedule: str | None, given: dict[str, Any]) -> TrainOptions:
    """Return the options of a run.

    Args:
        schedule: a published one, a curve of the learning rate, or None for the default.
        given: options that were given explicitly, by name; None stands for one that was not.

    Raises:
        RefineMaskError: options do not go together.
    """
    explicit = {name: value for name, value in given.items() if value is not None}
    if schedule in CURVES:
        explicit["schedule"] = schedule
    if schedule not in PUBLISHED:
        return TrainOptions(**explicit)
    values = asdict(PUBLISHED[schedule])
    values["learning_rate"] *= explicit.get("batch_size", _BATCH) / _BATCH
    if explicit.get("optimizer", "sgd") != "sgd":
        del values["learning_rate"]
    epochs = explicit.get("epochs", values["epochs"])
    if epochs != values["epochs"]:
        values["steps"] = tuple(step * epochs / values["epochs"] for step in values["steps"])
    return TrainOptions(**values | explicit)


def schedule_flags(options: TrainOptions) -> str:
    """Return the schedule of a run as the options that give it."""
    names = ("optimizer", "schedule", *(field.name for field in fields(Schedule)), "iterations")
    values = options.to_dict()
    return " ".join(
        f"{flag(name)} {shown(values[name])}" for name in names if values[name] is not None
    )
