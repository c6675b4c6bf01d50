"""Engines take turns, and their runs are timed phase by phase."""

import itertools
import threading

import numpy as np
from numpy.typing import NDArray

from refinemask.benchmarks.latency.interleave import PHASES, interleave, timed
from refinemask.engines import Engine
from refinemask.inference.metadata import ArtifactMetadata
from refinemask.inference.structures import RawArrays


class Recorder(Engine):
    """An engine that detects nothing and notes the brightness of each image it is given."""

    def __init__(self, metadata: ArtifactMetadata, log: list[tuple[str, int]], name: str) -> None:
        """Note runs in `log` under `name`."""
        super().__init__(metadata, name)
        self.log, self.name = log, name

    def _run(self, images: NDArray[np.uint8], image_sizes: NDArray[np.int64]) -> RawArrays:
        self.log.append((self.name, int(images.max())))
        none = np.zeros(0, np.float32)
        return RawArrays(
            boxes=np.zeros((0, 4), np.float32),
            scores=none,
            labels=none.astype(np.int64),
            image_index=none.astype(np.int64),
            masks=np.zeros((0, 28, 28), np.float32),
        )


def test_engines_take_turns_image_by_image(metadata) -> None:
    log: list[tuple[str, int]] = []
    engines = [timed(Recorder(metadata(), log, name)) for name in "ab"]
    images = [np.full((64, 96, 3), value, np.uint8) for value in (10, 20, 30)]
    interleave(engines, images, warm_up=2, iterations=4)
    values = [10, 20, 10, 20, 30, 10]
    assert log == [(name, value) for value in values for name in "ab"]


def test_phases_lie_between_the_readings_of_the_clock(metadata) -> None:
    # Readings of one run: its start, and the ends of its three phases.
    readings = itertools.accumulate(itertools.cycle((1.0, 2.0, 4.0, 8.0)))
    engine = timed(Recorder(metadata(), [], "a"))
    image = np.zeros((64, 96, 3), np.uint8)
    [samples] = interleave([engine], [image], 0, 2, clock=lambda: next(readings))
    expected = ([2.0] * 2, [4.0] * 2, [8.0] * 2, [14.0] * 2)
    assert [samples.phase(phase) for phase in PHASES] == list(expected)
    assert samples.seconds == 28


def test_a_duration_is_a_lower_bound_of_each_target(metadata) -> None:
    """Each reading is a second later, so a run takes 3 seconds, and the fifth ends at 15."""
    readings = itertools.count(0.0)
    engines = [timed(Recorder(metadata(), [], name)) for name in "ab"]
    images = [np.zeros((64, 96, 3), np.uint8)]

    def runs(iterations: int, duration: float) -> list[int]:
        samples = interleave(engines, images, 1, iterations, duration, clock=lambda: next(readings))
        return [len(one.runs) for one in samples]

    assert runs(1, 14.0) == [5, 5]
    assert runs(7, 14.0) == [7, 7]


class Meeting(Recorder):
    """An engine whose runs wait until two of them run at the same time."""

    def __init__(self, metadata: ArtifactMetadata, log: list[tuple[str, int]], name: str) -> None:
        """Note runs in `log` under `name`."""
        super().__init__(metadata, log, name)
        self.barrier = threading.Barrier(2, timeout=30)

    def _run(self, images: NDArray[np.uint8], image_sizes: NDArray[np.int64]) -> RawArrays:
        self.barrier.wait()
        return super()._run(images, image_sizes)


def test_streams_run_at_the_same_time_and_targets_in_turn(metadata) -> None:
    log: list[tuple[str, int]] = []
    engines = [timed(Meeting(metadata(), log, name)) for name in "ab"]
    images = [np.full((64, 96, 3), value, np.uint8) for value in (10, 20, 30)]
    first, second = interleave(engines, images, warm_up=0, iterations=2, streams=2)
    turns = [log[start : start + 2] for start in range(0, 8, 2)]
    expected = [("a", {10, 20}), ("b", {10, 20}), ("a", {30, 10}), ("b", {30, 10})]
    assert [({name for name, _ in turn}, {v for _, v in turn}) for turn in turns] == [
        ({name}, values) for name, values in expected
    ]
    assert [(run.image, run.stream) for run in first.runs] == [(0, 0), (1, 1), (2, 0), (0, 1)]
    for samples in (first, second):
        assert (
            max(samples.phase("end_to_end")) <= samples.seconds < sum(samples.phase("end_to_end"))
        )
