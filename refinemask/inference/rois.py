"""Boxes that a network is given: checked, and brought to the resized image (NumPy only)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from refinemask.configs.config import ModelConfig
from refinemask.errors import RefineMaskError
from refinemask.inference.processing import Prepared
from refinemask.inference.structures import Labels
from refinemask.printable import listed, shown

MAX_BOXES = 1000
"""Boxes of an image: the masks of all are computed at once."""


@dataclass(frozen=True)
class GivenBoxes:
    """The boxes of one image, in the order given.

    Attributes:
        boxes: float32 (K, 4), xyxy in pixels of the original image, inside of it.
        labels: int64 (K,), class indices of the model.
        scores: float32 (K,).
    """

    boxes: NDArray[np.float32]
    labels: NDArray[np.int64]
    scores: NDArray[np.float32]

    @property
    def empty(self) -> NDArray[np.bool_]:
        """Whether each box has no area: bool (K,)."""
        return np.any(self.boxes[:, 2:] <= self.boxes[:, :2], axis=1)

    def rois(self, prepared: Prepared) -> NDArray[np.float32]:
        """Return RoIs (K, 5) in a batch of this one image."""
        height, width = prepared.size
        resized = (self.boxes * prepared.scale_factor).clip(0, [width, height] * 2)
        return np.pad(resized.astype(np.float32), ((0, 0), (1, 0)))


def given_boxes(
    boxes: ArrayLike,
    labels: Labels,
    scores: ArrayLike | None,
    class_names: Sequence[str],
    image_size: tuple[int, int],
) -> GivenBoxes:
    """Check the boxes of one image, and clip them to it.

    Args:
        boxes: (K, 4), xyxy in pixels of the image, K from 0 to `MAX_BOXES`.
        labels: K names of classes or class indices. A model of one class takes any, and None.
        scores: (K,); None for 1.
        class_names: those of the model.
        image_size: height and width of the image.

    Raises:
        RefineMaskError: an argument is not as described, or a box is not finite or ends before it
            begins; the text names the first such box, from 0.
    """
    corners = _array("boxes", boxes)
    if corners.size == 0:
        corners = corners.reshape(-1, 4)
    if corners.ndim != 2 or corners.shape[1] != 4:
        raise RefineMaskError(
            f"boxes must be of the shape (number, 4), x1, y1, x2, y2 of each, got {corners.shape}"
        )
    if len(corners) > MAX_BOXES:
        raise RefineMaskError(
            f"an image may have up to {MAX_BOXES} boxes, got {len(corners)}; keep those of the "
            "highest scores"
        )
    for index, box in enumerate(corners.tolist()):
        problem = box_problem(box)
        if problem:
            raise RefineMaskError(f"box {index}: {problem}")
    height, width = image_size
    found = np.ones(len(corners)) if scores is None else _array("scores", scores)
    if found.shape != (len(corners),) or not np.isfinite(found).all():
        raise RefineMaskError(
            f"scores must be {len(corners)} finite numbers, one for each box, got {shown(scores)}"
        )
    return GivenBoxes(
        corners.clip(0, [width, height] * 2).astype(np.float32),
        class_indices(labels, len(corners), class_names),
        found.astype(np.float32),
    )


def box_problem(box: Sequence[float]) -> str | None:
    """Return why x1, y1, x2, y2 are no box, or None."""
    x1, y1, x2, y2 = box
    if not np.isfinite(box).all():
        return f"its corners must be finite, got {shown(list(box))}"
    if x2 < x1 or y2 < y1:
        return (
            f"it ends before it begins, got {shown(list(box))}; corners are x1, y1, x2, y2 with "
            "x1 <= x2 and y1 <= y2"
        )
    return None


def class_indices(labels: Labels, count: int, class_names: Sequence[str]) -> NDArray[np.int64]:
    """Return the class index of each of `count` labels, int64 (count,).

    Raises:
        RefineMaskError: there is another number of labels, or one is not a class of the model.
    """
    one_class = len(class_names) == 1
    if labels is None:
        if not one_class and count:
            raise RefineMaskError(
                f"the model has {len(class_names)} classes: give the label of each box, one of "
                f"{listed(class_names)}"
            )
        return np.zeros(count, np.int64)
    values = np.asarray(labels)
    if values.shape != (count,):
        raise RefineMaskError(
            f"labels must be {count} names or indices, one for each box, got the shape "
            f"{values.shape}"
        )
    if one_class or not count:
        return np.zeros(count, np.int64)
    if values.dtype.kind in "iu":
        wrong = np.flatnonzero((values < 0) | (values >= len(class_names)))
        if len(wrong):
            raise RefineMaskError(
                f"box {wrong[0]} has the label {values[wrong[0]]}, and the labels of the model are "
                f"0 to {len(class_names) - 1}"
            )
        return values.astype(np.int64)
    index_of = {name: index for index, name in enumerate(class_names)}
    for index, name in enumerate(values.tolist()):
        if name not in index_of:
            raise RefineMaskError(
                f"box {index} has the label {shown(name)}, which is no class of the model "
                f"({listed(class_names)}); leave it out, or give the nearest class"
            )
    return np.array([index_of[name] for name in values.tolist()], np.int64)


def check_rois(
    rois: NDArray[np.float32],
    labels: NDArray[np.int64],
    model: ModelConfig,
    images: tuple[int, ...],
) -> None:
    """Check the boxes for a batch of padded images, as a network takes them.

    Args:
        rois: float32 (K, 5), image index and xyxy in pixels of the resized image.
        labels: int64 (K,).
        model: what the network is.
        images: shape of the batch: (B, H, W, 3).

    Raises:
        RefineMaskError: they are not as described.
    """
    batch, height, width = images[:3]
    check_roi_shapes(rois, labels, batch)
    index, low, high = rois[:, 0], rois[:, 1:3], rois[:, 3:]
    limits = np.array([width, height], np.float32) + 1  # rounding of what was clipped
    right = np.isin(index, np.arange(batch))
    right &= ((low >= -1) & (low <= high) & (high <= limits)).all(1)  # false for NaN
    if not right.all():
        raise RefineMaskError(
            f"rois must have an image index from 0 to {batch - 1} and x1 <= x2, y1 <= y2 inside of "
            f"the padded {height} x {width} pixels, got {shown(rois[~right][0].tolist())}"
        )
    if ((labels < 0) | (labels >= model.num_classes)).any():
        raise RefineMaskError(
            f"labels must be from 0 to {model.num_classes - 1}, got {labels.min()} to "
            f"{labels.max()}"
        )


def check_roi_shapes(rois: NDArray[Any], labels: NDArray[Any], batch: int) -> None:
    """Check what can be seen of boxes without reading them, for a batch of so many images.

    Raises:
        RefineMaskError: they are not as `check_rois` describes them.
    """
    if rois.dtype != np.float32 or rois.ndim != 2 or rois.shape[1] != 5:
        raise RefineMaskError(
            f"rois must be a float32 array of shape (number, 5), got {rois.dtype} {rois.shape}"
        )
    if labels.dtype != np.int64 or labels.shape != rois.shape[:1]:
        raise RefineMaskError(
            f"labels must be an int64 array of shape ({len(rois)},), got {labels.dtype} "
            f"{labels.shape}"
        )
    if len(rois) > batch * MAX_BOXES:
        raise RefineMaskError(
            f"{batch} images may have up to {batch * MAX_BOXES} rois, got {len(rois)}"
        )


def _array(name: str, values: ArrayLike) -> NDArray[np.float64]:
    try:
        return np.asarray(values, np.float64)
    except (TypeError, ValueError) as error:
        raise RefineMaskError(f"{name} must be numbers, got {shown(values)}") from error
