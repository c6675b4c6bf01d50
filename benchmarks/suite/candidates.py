"""Our models as the suite runs them: from an image and its boxes to full-size masks."""

from abc import ABC, abstractmethod
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from refinemask import engines
from refinemask.benchmarks.latency.interleave import Clock, Readings, Timed
from refinemask.benchmarks.suite.graphs import OUTPUTS
from refinemask.benchmarks.suite.layout import Scene
from refinemask.engines.graph import GraphEngine, Inputs
from refinemask.export.capture import detect_and_segment
from refinemask.inference.artifact import Artifact
from refinemask.inference.processing import Prepared, postprocess, prepare
from refinemask.inference.structures import RawOutputs
from refinemask.models import Detector
from refinemask.models.detector import normalise
from refinemask.ops.compiled import compiled_operators


class Network(ABC):
    """A detector that segments the boxes it is given."""

    def __init__(self, short_side: int, long_side: int) -> None:
        self._sides = short_side, long_side

    @abstractmethod
    def masks(self, inputs: Inputs) -> NDArray[np.float32]:
        """Run RPN and box head, and return the masks (K, M, M) of the RoIs."""

    def prepare(self, scene: Scene) -> tuple[Prepared, Inputs]:
        """Resize and pad an image, and return the inputs of the network."""
        prepared = prepare(scene.image, *self._sides)
        return prepared, network_inputs([prepared], [scene.boxes * prepared.scale_factor], scene)

    def timed(self, count: int) -> Timed[Scene]:
        """Return what takes a scene with `count` boxes to masks of its size, phase by phase."""

        def run(scene: Scene, clock: Clock) -> Readings:
            given = scene.first(count)
            start = clock()
            prepared, inputs = self.prepare(given)
            ready = clock()
            masks = self.masks(inputs)
            done = clock()
            postprocess(raw_outputs(inputs, masks), prepared, "bitmap")
            return start, ready, done, clock()

        return run


class GraphNetwork(Network):
    """A graph of `suite.graphs` in a runtime."""

    def __init__(self, artifact: Artifact, runtime: str, threads: int | None = None) -> None:
        """Open it; see `refinemask.engines.open`."""
        limits = artifact.metadata.input_limits
        super().__init__(limits.short_side, limits.long_side)
        engine = engines.open(artifact, runtime, threads=threads)
        assert isinstance(engine, GraphEngine)  # as those of artifacts are
        self.engine = engine

    def masks(self, inputs: Inputs) -> NDArray[np.float32]:
        return self.engine.inspect(OUTPUTS, inputs)["masks"]


class TorchNetwork(Network):
    """A model in PyTorch, with our compiled operators."""

    def __init__(self, model: Detector, *, channels_last: bool = False) -> None:
        """Wrap a model; `channels_last` changes how its weights and images lie in memory."""
        super().__init__(model.config.input.short_side, model.config.input.long_side)
        self._format = torch.channels_last if channels_last else torch.contiguous_format
        self._model = model.to(memory_format=self._format)

    @torch.inference_mode()
    def masks(self, inputs: Inputs) -> NDArray[np.float32]:
        images, sizes, rois, labels = (torch.from_numpy(value) for value in inputs.values())
        with compiled_operators():
            pixels = normalise(images, sizes, self._model.config.input)
            pixels = pixels.contiguous(memory_format=self._format)
            *_, masks = detect_and_segment(self._model, pixels, sizes, rois, labels)
        return np.asarray(masks.numpy(), np.float32)


def network_inputs(images: list[Prepared], boxes: list[NDArray[Any]], scene: Scene) -> Inputs:
    """Return the inputs of a network for images of one size, each with the labels of a scene.

    Args:
        images: resized and padded.
        boxes: xyxy in pixels of each.
        scene: of the labels.
    """
    rois = [np.insert(one, 0, index, 1) for index, one in enumerate(boxes)]
    return {
        "images": np.stack([one.image for one in images]),
        "image_sizes": np.array([one.size for one in images], np.int64),
        "rois": np.concatenate(rois).astype(np.float32),
        "labels": np.tile(scene.labels, len(images)),
    }


def raw_outputs(inputs: Inputs, masks: NDArray[np.float32]) -> RawOutputs[NDArray[Any]]:
    """Return masks of RoIs as the detections of a network with scores of 1."""
    rois = inputs["rois"]
    scores = np.ones(len(rois), np.float32)
    return RawOutputs(rois[:, 1:], scores, inputs["labels"], rois[:, 0].astype(np.int64), masks)
