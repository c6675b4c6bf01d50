"""Engines of graphs: the inputs and outputs of an artifact, by their names."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from refinemask.engines.base import Engine
from refinemask.inference.artifact import output_type
from refinemask.inference.metadata import ArtifactMetadata
from refinemask.inference.padded_outputs import PaddedArrays
from refinemask.inference.structures import RawArrays

Inputs = Mapping[str, NDArray[Any]]
"""Of a network, by the names that `Engine.run` and `Engine.run_rois` give them."""


class GraphEngine(Engine):
    """Runs the graph of an artifact (architecture 5)."""

    def __init__(self, metadata: ArtifactMetadata, source: str) -> None:
        super().__init__(metadata, source)
        self._outputs = output_type(metadata)

    def inspect(self, names: Sequence[str], inputs: Inputs) -> dict[str, NDArray[Any]]:
        """Run the network, and return outputs of its graph as the runtime gives them.

        For graphs with more outputs than an artifact has; nothing is checked.

        Args:
            names: of outputs of the graph.
            inputs: by name, as `run` and `run_rois` take them; contiguous, and as many images as a
                fixed batch has.

        Raises:
            RefineMaskError: the runtime fails.
        """
        with self._running(inputs["images"]):
            return dict(zip(names, self._fetch(names, inputs), strict=True))

    def _run(
        self, images: NDArray[np.uint8], image_sizes: NDArray[np.int64]
    ) -> RawArrays | PaddedArrays:
        inputs: Inputs = {"images": images, "image_sizes": image_sizes}
        return self._outputs(*self._fetch(self._outputs._fields, inputs))

    def _run_rois(
        self,
        images: NDArray[np.uint8],
        image_sizes: NDArray[np.int64],
        rois: NDArray[np.float32],
        labels: NDArray[np.int64],
    ) -> NDArray[np.float32]:
        inputs: Inputs = {"images": images, "image_sizes": image_sizes}
        inputs = {**inputs, "rois": rois, "labels": labels}
        return self._fetch(["masks"], inputs)[0]

    @abstractmethod
    def _fetch(self, names: Sequence[str], inputs: Inputs) -> Sequence[NDArray[Any]]:
        """Run contiguous inputs that satisfy the contract; return outputs by name."""
