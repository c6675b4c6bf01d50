"""Runs of several engines, or other subjects, in turn, timed phase by phase."""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from refinemask.engines import Engine
from refinemask.inference.processing import postprocess

PHASES = ("preprocess", "inference", "postprocess", "end_to_end")
"""Resizing and padding; the network; rescaling, pasting and run-length encoding; all three."""

T = TypeVar("T")
Clock = Callable[[], float]
"""Returns seconds."""
Readings = tuple[float, float, float, float]
"""Of a clock: at the start, and at the end of each phase."""
Timed = Callable[[T, Clock], Readings]
"""Runs one item, such as an image, and reads the clock meanwhile."""


@dataclass(frozen=True)
class Run:
    """One measured run.

    Attributes:
        image: index of the image, or other item.
        stream: number of the thread, from 0.
        readings: of the clock.
    """

    image: int
    stream: int
    readings: Readings

    @property
    def seconds(self) -> dict[str, float]:
        """How long each of `PHASES` took."""
        start, ready, done, end = self.readings
        return dict(
            zip(PHASES, (ready - start, done - ready, end - done, end - start), strict=True)
        )


@dataclass
class Samples:
    """The measured runs of one subject.

    Attributes:
        runs: in their order; those of a turn by stream.
        seconds: how long its turns took, from the start of the first to the end of the last run
            in each.
    """

    runs: list[Run] = field(default_factory=list)
    seconds: float = 0.0

    def add(self, turn: Sequence[Run]) -> None:
        """Add the runs of one turn, which ran at the same time."""
        self.runs += turn
        self.seconds += max(run.readings[-1] for run in turn) - min(run.readings[0] for run in turn)

    def phase(self, name: str) -> list[float]:
        """Return the seconds that a phase took in each run."""
        return [run.seconds[name] for run in self.runs]


def interleave(
    subjects: Sequence[Timed[T]],
    items: Sequence[T],
    warm_up: int,
    iterations: int,
    duration: float = 0.0,
    streams: int = 1,
    clock: Clock = time.perf_counter,
) -> list[Samples]:
    """Run the subjects in turn, item by item; return the measured runs of each.

    In its turn a subject runs one item in each of `streams` threads at the same time, and the
    others wait. Both the warm-up and the measurement begin with the first item; items repeat.

    Args:
        subjects: what is measured, such as `timed` engines.
        items: what each of them runs, such as images.
        warm_up: turns of each subject that are not measured.
        iterations: least number of turns of each that are.
        duration: least number of seconds that the turns of each take.
        streams: threads that run a subject at the same time.
        clock: what the subjects read.
    """
    samples = [Samples() for _ in subjects]
    with ThreadPoolExecutor(streams) as pool:
        parallel = map if streams == 1 else pool.map

        def take_turn(subject: Timed[T], turn: int) -> list[Run]:
            def run(stream: int) -> Run:
                index = (turn * streams + stream) % len(items)
                return Run(index, stream, subject(items[index], clock))

            return list(parallel(run, range(streams)))

        for turn in range(warm_up):
            for subject in subjects:
                take_turn(subject, turn)
        turn = 0
        while turn < iterations or min(one.seconds for one in samples) < duration:
            for subject, one in zip(subjects, samples, strict=True):
                one.add(take_turn(subject, turn))
            turn += 1
    return samples


def timed(engine: Engine) -> Timed[NDArray[np.uint8]]:
    """Return what predicts the masks of one uint8 RGB image (H, W, 3) with an engine."""

    def predict(image: NDArray[np.uint8], clock: Clock) -> Readings:
        start = clock()
        prepared = engine.prepare(image)
        ready = clock()
        found = engine.run(prepared.image[None], np.array([prepared.size], np.int64))
        done = clock()
        postprocess(found, prepared, "rle")
        return start, ready, done, clock()

    return predict
