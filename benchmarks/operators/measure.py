"""Time our operators and their baselines in turn, with the same number of threads.

Interleaving them in one process lets a busy machine slow all of them alike. Their results are
compared first. The floor of a case is how long a plain copy, measured in the same run, would take
to move the bytes that the operator must move.
"""

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from refinemask.benchmarks.operators.case import Case
from refinemask.errors import RefineMaskError

COPIED = 256 << 20
"""Bytes of the copy: many times the size of a CPU's caches."""
PAUSE = 0.02
"""Seconds between two runs: time for the waiting threads of the last one to go to sleep."""

OURS = "refinemask"

Durations = list[tuple[float, float]]
"""Wall time and CPU time of each run, in seconds."""


def copy_speed(iterations: int) -> float:
    """Return the bytes read and written per second by a copy with PyTorch's threads."""
    source = torch.zeros(COPIED, dtype=torch.uint8)
    target = torch.empty_like(source)
    times = [duration(lambda: target.copy_(source))[0] for _ in range(iterations + 1)]
    return 2 * COPIED / float(np.median(times[1:]))


def measure(case: Case, iterations: int, copy_bytes_per_second: float) -> dict[str, Any]:
    """Time our operator and its baselines in turn.

    Returns:
        `name`, `target`, `bytes`, `floor_ms`, `times_floor` (our median over the floor); `ours`:
        `median_ms`, `min_ms` and `cpu_ms` (median CPU time of all threads); `baselines`: the same
        by name, and the `ratio` of the medians to ours, and `met`, whether the ratio reaches the
        target (None if the target does not apply).

    Raises:
        RefineMaskError: the results differ.
    """
    _check_agreement(case)
    runs = {OURS: case.ours, **case.baselines}
    times: dict[str, Durations] = {name: [] for name in runs}
    for _ in range(iterations):
        for name, run in runs.items():
            time.sleep(PAUSE)
            times[name].append(duration(run))
    summaries = {name: _summarise(durations) for name, durations in times.items()}
    ours = summaries.pop(OURS)
    floor_ms = case.bytes / copy_bytes_per_second * 1e3
    return {
        "name": case.name,
        "target": case.target,
        "bytes": case.bytes,
        "floor_ms": floor_ms,
        "times_floor": ours["median_ms"] / floor_ms,
        "ours": ours,
        "baselines": {
            name: summary | _compare(case, name, summary["median_ms"] / ours["median_ms"])
            for name, summary in summaries.items()
        },
    }


def duration(run: Callable[[], Any]) -> tuple[float, float]:
    """Return the wall time of a call and the CPU time of all threads meanwhile, in seconds."""
    wall, cpu = time.perf_counter(), time.process_time()
    run()
    return time.perf_counter() - wall, time.process_time() - cpu


def _check_agreement(case: Case) -> None:
    ours = case.ours()
    for name, run in case.baselines.items():
        if not case.agree(ours, run()):
            raise RefineMaskError(
                f"{case.name}: the result of {name} differs from ours; report this as a bug"
            )


def _summarise(durations: Durations) -> dict[str, float]:
    wall, cpu = np.array(durations).T * 1e3
    return {
        "median_ms": float(np.median(wall)),
        "min_ms": float(wall.min()),
        "cpu_ms": float(np.median(cpu)),
    }


def _compare(case: Case, baseline: str, ratio: float) -> dict[str, Any]:
    return {"ratio": ratio, "met": None if baseline in case.shown_only else ratio >= case.target}
