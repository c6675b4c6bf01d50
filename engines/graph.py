"""Engines of graphs: the inputs and outputs of an artifact, by their names."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from refinemask.engines.base import Engine, Inputs
from refinemask.inference.artifact import output_type
from refinemask.inference.metadata import ArtifactMetadata
from refinemask.inference.padded_outputs import PaddedArrays
from refinemask.inference.structures import RawArrays


class GraphEngine(Engine):
    """Runs the graph of an artifact (architecture 5)."""

    def __init__(self, metadata: ArtifactMetadata, source: str) -> None:
        super().__init__(metadata, source)
        self._outputs = output_type(metadata)

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
