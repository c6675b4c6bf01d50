"""Raw outputs and detections: what models and engines return (NumPy only)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import (
    Any,
    Generic,
    Literal,
    NamedTuple,
    Protocol,
    TypedDict,
    TypeVar,
    runtime_checkable,
)

import numpy as np
from numpy.typing import ArrayLike, NDArray

MaskFormat = Literal["bitmap", "rle", "probs"]
Labels = ArrayLike | Sequence[str] | None
"""Classes of given boxes: names, or indices from 0; None where the model has one class."""

Array = TypeVar("Array")
OtherArray = TypeVar("OtherArray")


class RawOutputs(NamedTuple, Generic[Array]):
    """The N detections of a batch, ordered by image, then by descending score.

    The model returns them as tensors, engines as NumPy arrays. The fields are the outputs of every
    artifact, in this order and by these names.
    """

    boxes: Array
    """float32 (N, 4), xyxy in pixels of the resized image."""
    scores: Array
    """float32 (N,)."""
    labels: Array
    """int64 (N,), class indices contiguous from 0."""
    image_index: Array
    """int64 (N,), position in the batch."""
    masks: Array
    """float32 (N, M, M), probabilities inside the box; logits where a function says so."""

    def map(self, function: Callable[[Array], OtherArray]) -> "RawOutputs[OtherArray]":
        """Apply a function to each field, for example to choose detections or to copy them."""
        return RawOutputs(*map(function, self))


RawArrays = RawOutputs[NDArray[Any]]
"""Raw outputs as NumPy arrays."""


class Rle(TypedDict):
    """A COCO run-length encoded mask: (height, width) and compressed counts as ASCII text."""

    size: list[int]
    counts: str


@dataclass(frozen=True)
class Detections:
    """The detections of one image, sorted by descending score; given boxes keep their order.

    Attributes:
        boxes: float32 (N, 4), xyxy in pixels of the original image.
        scores: float32 (N,).
        labels: int64 (N,), class indices contiguous from 0.
        masks: bool (N, H, W) for the format "bitmap"; a list of N COCO run-length encodings for
            "rle"; float32 (N, M, M) probabilities inside the box for "probs".
        image_size: (height, width) of the original image.
    """

    boxes: NDArray[np.float32]
    scores: NDArray[np.float32]
    labels: NDArray[np.int64]
    masks: NDArray[np.bool_] | NDArray[np.float32] | list[Rle]
    image_size: tuple[int, int]

    def __len__(self) -> int:
        return len(self.scores)


class Predictor(Protocol):
    """The interface that the model and every engine share."""

    @property
    def class_names(self) -> tuple[str, ...]: ...

    @property
    def category_ids(self) -> tuple[int, ...]: ...

    def predict(
        self,
        image: NDArray[np.uint8],
        masks: MaskFormat = "bitmap",
        score_threshold: float = 0.0,
        max_detections: int | None = None,
    ) -> Detections:
        """Detect objects in one uint8 RGB image (H, W, 3)."""
        ...


@runtime_checkable
class Segmenter(Protocol):
    """The interface of what segments given boxes: the model, and engines of artifacts for it."""

    @property
    def class_names(self) -> tuple[str, ...]: ...

    @property
    def category_ids(self) -> tuple[int, ...]: ...

    def segment(
        self,
        image: NDArray[np.uint8],
        boxes: ArrayLike,
        labels: Labels = None,
        scores: ArrayLike | None = None,
        masks: MaskFormat = "bitmap",
    ) -> Detections:
        """Predict the masks of boxes (K, 4) in one uint8 RGB image (H, W, 3)."""
        ...
