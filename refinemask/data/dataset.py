"""The interface of datasets of images with instance masks."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, Self, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from refinemask.configs.protocols import EvaluationProtocol
from refinemask.data.masks import InstanceMask
from refinemask.data.summary import DatasetSummary

MIN_IMAGE_SIDE = 32
"""Training leaves out images with a shorter side, in pixels (numerics 14)."""


@dataclass(frozen=True)
class Sample:
    """One image with its instances, crowds left out.

    Attributes:
        image: uint8 RGB (H, W, 3).
        image_id: the dataset's id.
        boxes: float32 (N, 4), xyxy in pixels, clipped to the image.
        labels: int64 (N,), class indices contiguous from 0.
        masks: N masks on the grid of the image.
    """

    image: NDArray[np.uint8]
    image_id: int | str
    boxes: NDArray[np.float32]
    labels: NDArray[np.int64]
    masks: tuple[InstanceMask, ...]


class Samples(Protocol):
    """The source of training batches."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> Sample: ...


class EvaluationDataset(Protocol):
    """The interface that evaluation needs."""

    @property
    def protocol(self) -> EvaluationProtocol: ...

    @property
    def class_names(self) -> tuple[str, ...]: ...

    @property
    def category_ids(self) -> tuple[int, ...]:
        """The dataset's own id of each class."""
        ...

    @property
    def image_ids(self) -> Sequence[int | str]: ...

    @property
    def ground_truth(self) -> dict[str, Any]:
        """The annotations as a COCO dataset ready for JSON, crowds included."""
        ...

    def load_image(self, index: int) -> NDArray[np.uint8]:
        """Return an image as uint8 RGB (H, W, 3)."""
        ...


class InstanceDataset(Samples, EvaluationDataset, Protocol):
    """The interface of every dataset."""

    def image_path(self, index: int) -> Path: ...

    def image_size(self, index: int) -> tuple[int, int] | None:
        """Return the height and width that the annotations give; None if they give none."""
        ...

    def image_labels(self, index: int) -> NDArray[np.int64]:
        """Return the labels of `self[index]` without loading the image: int64 (N,)."""
        ...

    def with_classes(self, class_names: Sequence[str]) -> Self:
        """Return the dataset with some of its classes, in the order given."""
        ...

    def for_training(self, keep_empty: bool = False) -> Self:
        """Leave out images that are too small or without usable instances (numerics 14).

        Args:
            keep_empty: keep images that are large enough but have no usable instance.
        """
        ...

    @property
    def summary(self) -> DatasetSummary | None:
        """What `for_training` used and left out; None before, or where all is generated."""
        ...


@runtime_checkable
class InstanceMaps(Protocol):
    """Datasets of Cityscapes, whose evaluator reads the instance maps."""

    def instance_map_path(self, index: int) -> Path: ...
