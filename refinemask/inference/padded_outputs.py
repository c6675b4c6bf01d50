"""Outputs of fixed size, and the flat ones that are made of them (NumPy only)."""

from typing import Any, Generic, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from refinemask.inference.structures import RawArrays

MAX_CANDIDATES = 3840
"""Most boxes of an image that a suppression considers: TensorRT's TopK selects no more."""

Array = TypeVar("Array")


class PaddedOutputs(NamedTuple, Generic[Array]):
    """The detections of a batch, D for each of its B images, those that are none at the end.

    D is the number of detections that the model keeps of an image at most. The fields are the
    outputs of artifacts of the static form, in this order and by these names.
    """

    boxes: Array
    """float32 (B, D, 4), xyxy in pixels of the resized image; padded with 0."""
    scores: Array
    """float32 (B, D), by descending score; padded with 0."""
    labels: Array
    """int64 (B, D), class indices contiguous from 0; padded with -1."""
    masks: Array
    """float32 (B, D, M, M), probabilities inside the box; padded with 0."""
    num_detections: Array
    """int64 (B,)."""
    truncated: Array
    """bool (B,), whether more than `MAX_CANDIDATES` boxes of the image passed the score threshold,
    of which the others were not considered."""


PaddedArrays = PaddedOutputs[NDArray[Any]]
"""Padded outputs as NumPy arrays."""


def unpad(padded: PaddedArrays) -> RawArrays:
    """Return the detections without the padding.

    Raises:
        ValueError: the outputs are not of the types and shapes of each other.
    """
    valid = _valid(padded)
    return RawArrays(
        boxes=padded.boxes[valid],
        scores=padded.scores[valid],
        labels=padded.labels[valid],
        image_index=np.nonzero(valid)[0],
        masks=padded.masks[valid],
    )


def _valid(padded: PaddedArrays) -> NDArray[np.bool_]:
    """Return which of the slots (B, D) have a detection.

    Raises:
        ValueError: the outputs do not agree.
    """
    if padded.scores.ndim != 2 or padded.scores.dtype != np.float32:
        raise ValueError(
            f"scores of the type {padded.scores.dtype} and the shape {padded.scores.shape}, not "
            "float32 and (batch, detections)"
        )
    batch, slots = padded.scores.shape
    for name, dtype, shape in (
        ("boxes", np.float32, (batch, slots, 4)),
        ("labels", np.int64, (batch, slots)),
        ("masks", np.float32, (batch, slots, *padded.masks.shape[2:])),
        ("num_detections", np.int64, (batch,)),
        ("truncated", np.bool_, (batch,)),
    ):
        values = getattr(padded, name)
        if values.dtype != dtype or values.shape != shape:
            raise ValueError(
                f"{name} of the type {values.dtype} and the shape {values.shape}, not "
                f"{np.dtype(dtype)} and {shape}"
            )
    counts = padded.num_detections
    if not ((counts >= 0) & (counts <= slots)).all():
        raise ValueError(f"num_detections of {counts.tolist()}, not from 0 to {slots}")
    return np.arange(slots) < counts[:, None]
