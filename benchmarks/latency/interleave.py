"""Runs of several engines in turn, timed phase by phase."""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from refinemask.engines import Engine
from refinemask.inference.processing import postprocess

PHASES = ("preprocess", "inference", "postprocess", "end_to_end")
"""Resizing and padding; the network; rescaling, pasting and run-length encoding; all three."""


@dataclass(frozen=True)
class Run:
    """One measured run.

    Attributes:
        image: index of the image.
        stream: number of the thread, from 0.
        readings: of the clock, in seconds: at the start, and at the end of each phase.
    """

    image: int
    stream: int
    readings: tuple[float, float, float, float]

    @property
    def seconds(self) -> dict[str, float]:
        """How long each of `PHASES` took."""
        start, ready, done, end = self.readings
        return dict(
            zip(PHASES, (ready - start, done - ready, end - done, end - start), strict=True)
        )


@dataclass
class Samples:
    """The measured runs of one engine.

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
    opened: Sequence[Engine],
    images: Sequence[NDArray[np.uint8]],
    warm_up: int,
    iterations: int,
    duration: float = 0.0,
    streams: int = 1,
    clock: Callable[[], float] = time.perf_counter,
) -> list[Samples]:
    """Run the engines in turn, image by image; return the measured runs of each.

    In its turn an engine runs one image in each of `streams` threads at the same time, and the
    others wait. Both the warm-up and the measurement begin with the first image; images repeat.

    Args:
        opened: the engines.
        images: uint8 RGB (H, W, 3).
        warm_up: turns of each engine that are not measured.
        iterations: least number of turns of each that are.
        duration: least number of seconds that the turns of each take.
        streams: threads that run an engine at the same time.
        clock: returns seconds.
    """
    samples = [Samples() for _ in opened]
    with ThreadPoolExecutor(streams) as pool:
        parallel = map if streams == 1 else pool.map

        def take_turn(engine: Engine, turn: int) -> list[Run]:
            def run(stream: int) -> Run:
                index = (turn * streams + stream) % len(images)
                return Run(index, stream, _readings(engine, images[index], clock))

            return list(parallel(run, range(streams)))

        for turn in range(warm_up):
            for engine in opened:
                take_turn(engine, turn)
        turn = 0
        while turn < iterations or min(one.seconds for one in samples) < duration:
            for engine, one in zip(opened, samples, strict=True):
                one.add(take_turn(engine, turn))
            turn += 1
    return samples


def _readings(
    engine: Engine, image: NDArray[np.uint8], clock: Callable[[], float]
) -> tuple[float, float, float, float]:
    """Predict one image; return what the clock read at the start and after each phase."""
    start = clock()
    prepared = engine.prepare(image)
    ready = clock()
    found = engine.run(prepared.image[None], np.array([prepared.size], np.int64))
    done = clock()
    postprocess(found, prepared, "rle")
    return start, ready, done, clock()
