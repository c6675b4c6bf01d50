"""Time of each layer of an artifact, an engine or a model, where its runtime measures it."""

import json
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from refinemask.engines.base import Engine
from refinemask.engines.runtimes import find_runtime
from refinemask.engines.tensorrt.flavours import FLAVOURS, Flavour
from refinemask.inference.artifact import Artifact
from refinemask.inference.processing import Prepared


@dataclass(frozen=True)
class Layer:
    """One layer as the runtime executes it, often several nodes of the graph in one.

    Attributes:
        name: the runtime's, mostly that of a node of the graph; in PyTorch, of a module.
        kind: its operator, or the module's class; TensorRT does not say it.
        seconds: mean of an image.
    """

    name: str
    kind: str
    seconds: float


@dataclass(frozen=True)
class LayerTimes:
    """The layers of a network, slowest first, and the mean seconds of its whole inference.

    A loop is a layer, and what it repeats are others. A module of PyTorch is one without those that
    it calls.
    """

    layers: tuple[Layer, ...]
    seconds: float


def run_image(engine: Engine, image: Prepared) -> None:
    """Run the network on one image."""
    engine.run(image.image[None], np.array([image.size], np.int64))


def layer_times(
    path: str | Path | Artifact,
    runtime: str,
    images: Sequence[Any],
    device: str = "cpu",
    threads: int | None = None,
    run: Callable[[Any, Any], object] = run_image,
) -> LayerTimes | None:
    """Run an artifact, engine or model on images while its layers are timed, which slows it down.

    Every image runs once before. Other arguments are those of `refinemask.engines.open`.

    Args:
        path: see there.
        runtime: see there.
        images: as `run` takes them.
        device: see there.
        threads: see there.
        run: called with the engine and an image.

    Returns:
        None if the runtime does not time layers.

    Raises:
        RefineMaskError: as `refinemask.engines.open` and `Engine.run`.
    """
    chosen, work = find_runtime(runtime), _Work(images, run)
    if chosen.name == "onnxruntime":
        return _onnxruntime(Artifact.open(path), work, device, threads, chosen.provider)
    if chosen.name == "openvino":
        return _openvino(Artifact.open(path), work, device, threads)
    file = path.path if isinstance(path, Artifact) else path
    if chosen.name == "torch":
        return _torch(file, work, device, threads)
    if chosen.name in FLAVOURS:
        return _tensorrt(file, FLAVOURS[chosen.name], work, device, threads)
    return None


@dataclass(frozen=True)
class _Work:
    images: Sequence[Any]
    run: Callable[[Any, Any], object]

    def seconds(self, engine: Engine) -> list[float]:
        """Run the images; return the seconds that each took."""
        return [self.seconds_of(engine, image) for image in self.images]

    def seconds_of(self, engine: Engine, image: Any) -> float:
        """Run one image; return the seconds that it took."""
        start = time.perf_counter()
        self.run(engine, image)
        return time.perf_counter() - start


def _onnxruntime(
    artifact: Artifact, work: _Work, device: str, threads: int | None, provider: str | None
) -> LayerTimes:
    from refinemask.engines.onnxruntime import OnnxRuntimeEngine

    with tempfile.TemporaryDirectory() as folder:
        engine = OnnxRuntimeEngine(artifact, device, threads, provider, Path(folder) / "trace")
        work.seconds(engine)
        seconds = work.seconds(engine)
        events = json.loads(engine.end_trace().read_text(encoding="utf-8"))
    runs = sorted(event["ts"] for event in events if event["name"] == "model_run")
    sums: dict[tuple[str, str], float] = defaultdict(float)
    for event in events:
        name, _, suffix = event["name"].rpartition("_kernel_time")
        if name and not suffix and event["ts"] >= runs[len(seconds)]:
            sums[name, event["args"]["op_name"]] += event["dur"] / 1e6
    return _mean(sums, seconds)


def _openvino(artifact: Artifact, work: _Work, device: str, threads: int | None) -> LayerTimes:
    from refinemask.engines.openvino import OpenVinoEngine

    engine = OpenVinoEngine(artifact, device, threads, count=True)
    work.seconds(engine)
    sums: dict[tuple[str, str], float] = defaultdict(float)
    seconds = []
    for image in work.images:
        seconds.append(work.seconds_of(engine, image))
        for name, kind, duration in engine.layer_counts():
            sums[name, kind] += duration
    return _mean(sums, seconds)


def _torch(path: str | Path, work: _Work, device: str, threads: int | None) -> LayerTimes:
    from refinemask.engines.module_times import module_times
    from refinemask.engines.torch import TorchEngine, open_model

    model = open_model(path, device, threads)
    engine = TorchEngine(model, source=str(path))
    work.seconds(engine)
    with module_times(model) as sums:
        seconds = work.seconds(engine)
    return _mean(sums, seconds)


def _tensorrt(
    path: str | Path, flavour: Flavour, work: _Work, device: str, threads: int | None
) -> LayerTimes:
    from refinemask.engines.tensorrt.run_options import TensorRtOptions
    from refinemask.engines.tensorrt.runtime import TensorRtEngine, open_with

    engine = open_with(flavour, path, device, threads, TensorRtOptions())
    assert isinstance(engine, TensorRtEngine)
    work.seconds(engine)
    sums = engine.time_layers()
    seconds = work.seconds(engine)
    return _mean({(name, ""): total for name, total in sums.items()}, seconds)


def _mean(sums: Mapping[tuple[str, str], float], seconds: list[float]) -> LayerTimes:
    layers = [Layer(*name, total / len(seconds)) for name, total in sums.items()]
    layers.sort(key=lambda layer: -layer.seconds)
    return LayerTimes(tuple(layers), sum(seconds) / len(seconds))
