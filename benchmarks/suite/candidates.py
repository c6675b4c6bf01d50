"""Our models as the suite runs them: from an image and its boxes to full-size masks.

Nothing here imports PyTorch, so that the memory of a graph is measured without it.
"""

from abc import ABC, abstractmethod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from refinemask import engines
from refinemask.benchmarks.latency.interleave import Clock, Readings, Timed
from refinemask.benchmarks.suite.layout import Scene
from refinemask.engines.graph import GraphEngine, Inputs
from refinemask.inference.artifact import Artifact
from refinemask.inference.processing import Prepared, postprocess, prepare
from refinemask.inference.structures import RawOutputs

OUTPUTS = ("boxes", "scores", "classes", "image_index", "masks")
"""Of each graph of `suite.graphs`."""


class Network(ABC):
    """A detector that segments the boxes it is given."""

    def __init__(self, short_side: int, long_side: int) -> None:
        self._sides = short_side, long_side

    @abstractmethod
    def masks(self, inputs: Inputs) -> NDArray[np.float32]:
        """Run RPN and box head, and return the masks (K, M, M) of the RoIs."""

    def timed(self, count: int) -> Timed[Scene]:
        """Return what takes a scene with `count` boxes to masks of its size, phase by phase."""

        def run(scene: Scene, clock: Clock) -> Readings:
            given = scene.first(count)
            start = clock()
            prepared, inputs = network_inputs(given, self._sides)
            ready = clock()
            masks = self.masks(inputs)
            done = clock()
            postprocess(raw_outputs(inputs, masks), prepared, "bitmap")
            return start, ready, done, clock()

        return run


class GraphNetwork(Network):
    """A graph of `suite.graphs` in a runtime."""

    def __init__(self, artifact: Artifact, runtime: str) -> None:
        """Open it; see `refinemask.engines.open`."""
        limits = artifact.metadata.input_limits
        super().__init__(limits.short_side, limits.long_side)
        engine = engines.open(artifact, runtime)
        assert isinstance(engine, GraphEngine)  # as those of artifacts are
        self.engine = engine

    def masks(self, inputs: Inputs) -> NDArray[np.float32]:
        return self.engine.inspect(OUTPUTS, inputs)["masks"]


def network_inputs(scene: Scene, sides: tuple[int, int]) -> tuple[Prepared, Inputs]:
    """Resize and pad an image to sides as in `prepare`, and return the inputs of a network."""
    prepared = prepare(scene.image, *sides)
    boxes = (scene.boxes * prepared.scale_factor).astype(np.float32)
    return prepared, {
        "images": prepared.image[None],
        "image_sizes": np.array([prepared.size], np.int64),
        "rois": np.pad(boxes, ((0, 0), (1, 0))),
        "labels": scene.labels,
    }


def raw_outputs(inputs: Inputs, masks: NDArray[np.float32]) -> RawOutputs[NDArray[Any]]:
    """Return masks of RoIs as the detections of a network with scores of 1."""
    rois = inputs["rois"]
    scores = np.ones(len(rois), np.float32)
    return RawOutputs(rois[:, 1:], scores, inputs["labels"], rois[:, 0].astype(np.int64), masks)
