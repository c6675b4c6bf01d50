"""Medians, ratios and how far to trust them."""

import os
import time
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import numpy as np

from refinemask.benchmarks.latency.interleave import PHASES, Clock, Readings, Timed, interleave
from refinemask.benchmarks.operators.measure import PAUSE
from refinemask.benchmarks.suite.layout import Scene

BUSY = 0.5
"""Share of the cores that other programs may use at most before the machine counts as busy."""
UNSTEADY = 0.15
"""Spread of a ratio from which on it is noise."""

T = TypeVar("T")
Figures = dict[str, Any]
"""Of one subject, see `measure`."""


def measure(
    subjects: Mapping[str, Timed[Scene]], scenes: Sequence[Scene], warm_up: int, iterations: int
) -> dict[str, Figures]:
    """Run the subjects in turn, scene by scene.

    Returns:
        For each subject by name: for each of `PHASES` the `median` and `min` in milliseconds,
        and `spread`, the distance of the quartiles over the median; and `runs`, the milliseconds of
        each phase in each turn.
    """
    samples = interleave([*map(rested, subjects.values())], scenes, warm_up, iterations)
    found = {}
    for name, one in zip(subjects, samples, strict=True):
        runs = {phase: [1e3 * seconds for seconds in one.phase(phase)] for phase in PHASES}
        found[name] = {phase: summary(values) for phase, values in runs.items()} | {"runs": runs}
    return found


def rested(subject: Timed[T]) -> Timed[T]:
    """Return a subject that lets the waiting threads of the one before it go to sleep first."""

    def run(item: T, clock: Clock) -> Readings:
        time.sleep(PAUSE)
        return subject(item, clock)

    return run


def summary(values: Sequence[float]) -> dict[str, float]:
    """Return `median`, `min` and `spread` of values."""
    low, median, high = np.percentile(values, (25, 50, 75)).tolist()
    return {"median": median, "min": min(values), "spread": (high - low) / median}


def ratio(one: Figures, other: Figures, phase: str = "inference") -> dict[str, float]:
    """Compare two subjects of one measurement.

    Returns:
        `ratio` of the medians, and `low` and `high`, the quartiles of the ratios turn by turn.
    """
    turns = np.divide(one["runs"][phase], other["runs"][phase])
    low, high = np.percentile(turns, (25, 75)).tolist()
    return {"ratio": one[phase]["median"] / other[phase]["median"], "low": low, "high": high}


def warnings(load_average: float, ratios: Sequence[Mapping[str, float]]) -> list[str]:
    """Return why the figures should not be trusted, if there is a reason.

    Args:
        load_average: before the measurement.
        ratios: results of `ratio`.
    """
    found = []
    cores = len(os.sched_getaffinity(0))
    if load_average > BUSY * cores:
        found.append(f"the load average was {load_average:.1f} on {cores} cores before the start")
    spread = max(((one["high"] - one["low"]) / one["ratio"] for one in ratios), default=0.0)
    if spread > UNSTEADY:
        found.append(f"the quartiles of a ratio lie {spread:.0%} apart")
    return found
