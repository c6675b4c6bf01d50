"""Run a fuzz target on its seeds, and on mutations of them for a while."""

import hashlib
import time
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from random import Random

from tests.fuzz.child import Failure, Limits, find_failure
from tests.fuzz.targets import Target

FAILURES = Path("build/fuzz/failures")
_BATCH = 200
"""Inputs that one process reads, whose state then is that of a few."""


def fuzz(
    target: Target,
    seconds: float,
    seed: int,
    found: Callable[[Failure, bytes], None],
    limits: Limits | None = None,
) -> int:
    """Read all seeds of a target, then mutations of them until the time is over.

    Args:
        target: what is run.
        seconds: for the mutations; with 0 the seeds are read alone.
        seed: decides the mutations.
        found: called with the first failing input of each kind of failure.
        limits: of one input; None for the usual ones.

    Returns:
        The number of inputs.
    """
    seeds = target.seeds()
    end = time.monotonic() + seconds

    def make(number: int) -> bytes:
        if number < len(seeds):
            return seeds[number]
        return target.mutated(seeds, Random(f"{seed}/{number}"))

    def inputs(first: int) -> Iterator[bytes]:
        for number in count(first):
            if number >= len(seeds) and (time.monotonic() > end or number == first + _BATCH):
                return
            yield make(number)

    known: set[str] = set()
    first = 0
    while first < len(seeds) or time.monotonic() < end:
        good, failure = find_failure(target.read, inputs(first), limits or Limits())
        first += good + (failure is not None)
        if failure is not None and failure.name not in known:
            known.add(failure.name)
            found(failure, make(first - 1))
    return first


def keep(target: Target, data: bytes, folder: Path = FAILURES) -> Path:
    """Write a failing input to a file, and return which."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{target.name}-{hashlib.sha256(data).hexdigest()[:12]}"
    path.write_bytes(data)
    return path
