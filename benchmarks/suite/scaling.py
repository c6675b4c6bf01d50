"""How time grows with boxes and pixels, and throughput with batches and streams."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from refinemask.benchmarks.latency.interleave import Clock, Readings, Timed, interleave
from refinemask.benchmarks.suite.candidates import Network, network_inputs
from refinemask.benchmarks.suite.latency import MANY
from refinemask.benchmarks.suite.layout import Scene, scenes
from refinemask.benchmarks.suite.options import SuiteOptions
from refinemask.benchmarks.suite.session import Note, Session
from refinemask.benchmarks.suite.timing import rested, summary
from refinemask.benchmarks.suite.torch_networks import TorchNetwork
from refinemask.checkpoints import synthetic_model
from refinemask.engines.graph import Inputs
from refinemask.engines.runtimes import RUNTIMES

BOXES = (1, 3, 10, 30, 100, 300)
SIDES = (320, 480, 640, 800, 1120, 1600)
"""Pixels of square images."""
LOADS = (1, 2, 4)
"""Images of a batch, and concurrent streams."""
_QUICK = 3
"""Points of each curve in a quick run, and images: the first ones."""
_SCENES = 5
MAX_TURNS = 3
"""The points of a curve vouch for each other, and are many."""

Curve = Sequence[tuple[float, float]]
"""Pairs of a size and the milliseconds that it takes."""


def scaling(options: SuiteOptions, note: Note) -> dict[str, Any]:
    """Measure both models in PyTorch and each runtime.

    Returns:
        The head of `Session`, and for each of `boxes`, `pixels` (with `sides`), `batch` and
        `streams` its `values`, and `curves`: for each subject by name the milliseconds of each
        value; of the first two also `growth`, see there; of the others `throughput` in images a
        second.
    """
    session = Session(options, note, max_turns=MAX_TURNS)
    points = _QUICK if options.quick else len(BOXES)
    networks = dict(_networks(session))
    boxes = _boxes(session, networks, BOXES[:points])
    pixels = _pixels(session, networks, SIDES[:points])
    exported = {name: network for name, network in networks.items() if "PyTorch" not in name}
    return session.head() | {
        "boxes": boxes,
        "pixels": pixels,
        "batch": _batches(session, exported, LOADS[:points]),
        "streams": _streams(session, exported, LOADS[:points]),
        "warnings": session.warnings(),
    }


def growth(curve: Curve) -> float:
    """Return the time of the greatest size over that of the line through the other sizes.

    The line is that of least squares; what grows faster than a line is above 1.
    """
    *others, (size, time) = curve
    sizes, times = zip(*others, strict=True)
    slope, start = np.polyfit(sizes, times, 1)
    return float(time / (start + slope * size))


def _networks(session: Session) -> Iterator[tuple[str, Network]]:
    for title, graph in (("RefineMask", session.refinemask), ("Mask R-CNN", session.maskrcnn)):
        session.note(f"opening {title} in PyTorch")
        yield f"{title}, PyTorch", TorchNetwork(synthetic_model(graph.config))
        for runtime in session.options.runtimes:
            yield f"{title}, {RUNTIMES[runtime].title}", session.network(graph, runtime)


def _boxes(
    session: Session, networks: Mapping[str, Network], values: Sequence[int]
) -> dict[str, Any]:
    session.note(f"time against boxes: {', '.join(map(str, values))}")
    subjects = {
        (name, value): _inference(network, value, session.frame)
        for name, network in networks.items()
        for value in values
    }
    return _curves(session, subjects, session.scenes[:_SCENES], values, values)


def _pixels(
    session: Session, networks: Mapping[str, Network], sides: Sequence[int]
) -> dict[str, Any]:
    session.note(f"time against the sides of square images: {', '.join(map(str, sides))}")
    squares = {
        side: scenes(side, side, session.options.images, stretch=True, count=_SCENES)
        for side in sides
    }

    def square(network: Network, side: int) -> Timed[int]:
        def run(index: int, clock: Clock) -> Readings:
            return _inference(network, MANY, (side, side))(squares[side][index], clock)

        return run

    subjects = {
        (name, side): square(network, side) for name, network in networks.items() for side in sides
    }
    found = _curves(session, subjects, range(_SCENES), sides, [side**2 for side in sides])
    return found | {"sides": list(sides)}


def _inference(network: Network, count: int, sides: tuple[int, int]) -> Timed[Scene]:
    """Return what times the network alone."""

    def run(scene: Scene, clock: Clock) -> Readings:
        _, inputs = network_inputs(scene.first(count), sides)
        return _timed(network, inputs, clock)

    return run


def _timed(network: Network, inputs: Inputs, clock: Clock) -> Readings:
    start = clock()
    network.masks(inputs)
    done = clock()
    return start, start, done, done


def _curves(
    session: Session,
    subjects: Mapping[tuple[str, int], Timed[Any]],
    items: Sequence[Any],
    values: Sequence[int],
    sizes: Sequence[int],
) -> dict[str, Any]:
    options = session.options
    samples = interleave([*map(rested, subjects.values())], items, options.warm_up, session.turns)
    medians = {
        key: summary([1e3 * seconds for seconds in one.phase("inference")])["median"]
        for key, one in zip(subjects, samples, strict=True)
    }
    names = dict.fromkeys(name for name, _ in subjects)
    curves = {name: [medians[name, value] for value in values] for name in names}
    return {
        "values": list(sizes),
        "curves": curves,
        "growth": {
            name: growth(list(zip(sizes, curve, strict=True))) for name, curve in curves.items()
        },
    }


def _batches(
    session: Session, networks: Mapping[str, Network], values: Sequence[int]
) -> dict[str, Any]:
    session.note(f"throughput against images of a batch: {', '.join(map(str, values))}")
    _, one = network_inputs(session.scenes[0].first(MANY), session.frame)
    batches = {value: _repeated(one, value) for value in values}

    def batch(network: Network, value: int) -> Timed[int]:
        return lambda _, clock: _timed(network, batches[value], clock)

    subjects = {
        (name, value): batch(network, value)
        for name, network in networks.items()
        for value in values
    }
    found = _curves(session, subjects, [0], values, values)
    throughput = {
        name: [1e3 * value / ms for value, ms in zip(values, curve, strict=True)]
        for name, curve in found["curves"].items()
    }
    return {"values": list(values), "throughput": throughput}


def _repeated(inputs: Inputs, times: int) -> Inputs:
    """Return the inputs of a batch of the same image."""
    count = len(inputs["rois"])
    repeated = {name: np.concatenate([values] * times) for name, values in inputs.items()}
    repeated["rois"][:, 0] = np.repeat(np.arange(times), count)
    return repeated


def _streams(
    session: Session, networks: Mapping[str, Network], values: Sequence[int]
) -> dict[str, Any]:
    session.note(f"throughput against concurrent streams: {', '.join(map(str, values))}")
    throughput: dict[str, list[float]] = {name: [] for name in networks}
    subjects = [_inference(network, MANY, session.frame) for network in networks.values()]
    for value in values:
        samples = interleave(subjects, session.scenes[:_SCENES], 1, session.turns, streams=value)
        for name, one in zip(networks, samples, strict=True):
            throughput[name].append(len(one.runs) / one.seconds)
    return {"values": list(values), "throughput": throughput}
