"""Detections as those of the package `supervision`, and back, without importing it (NumPy only)."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from refinemask.errors import RefineMaskError
from refinemask.inference.pasting import rle_masks
from refinemask.inference.rle import decode_rle
from refinemask.inference.structures import Detections


def supervision_fields(
    detections: Detections, class_names: Sequence[str] | None = None
) -> dict[str, Any]:
    """Return what `supervision.Detections` is made of: `supervision.Detections(**fields)`.

    Args:
        detections: with masks in any format; they become bitmaps.
        class_names: of each label, which supervision writes beside boxes; None for none.

    Returns:
        `xyxy` float32 (N, 4), `mask` bool (N, H, W), `confidence` float32 (N,), `class_id` int64
        (N,), and with names `data` with `class_name`, str (N,).
    """
    fields: dict[str, Any] = {
        "xyxy": detections.boxes,
        "mask": _bitmaps(detections),
        "confidence": detections.scores,
        "class_id": detections.labels,
    }
    if class_names is not None:
        names = [class_names[label] for label in detections.labels.tolist()]
        fields["data"] = {"class_name": np.array(names, str)}
    return fields


def from_supervision(found: Any, image_size: tuple[int, int] | None = None) -> Detections:
    """Return the detections of a `supervision.Detections`, in its order.

    Args:
        found: anything with its fields `xyxy`, `mask`, `confidence` and `class_id`. Without
            confidences all scores are 1; without classes all labels are 0.
        image_size: (height, width) of the image; None for that of the masks.

    Raises:
        RefineMaskError: there are no masks, or they have another size than the image.
    """
    boxes = np.asarray(found.xyxy, np.float32).reshape(-1, 4)
    count = len(boxes)
    if found.mask is None and (count or image_size is None):
        raise RefineMaskError(
            "these supervision.Detections have no masks; predict them from the boxes: "
            "model.segment(image, detections.xyxy, detections.class_id, detections.confidence)"
        )
    masks = np.zeros((0, *(image_size or ())), bool) if found.mask is None else found.mask
    masks = np.asarray(masks).astype(bool, copy=False)
    height, width = masks.shape[1:] if image_size is None else image_size
    if masks.shape != (count, height, width):
        raise RefineMaskError(
            f"the masks of {count} detections in an image of {width} x {height} pixels must have "
            f"the shape {(count, height, width)}, got {masks.shape}"
        )
    scores = np.ones(count) if found.confidence is None else found.confidence
    labels = np.zeros(count) if found.class_id is None else found.class_id
    return Detections(
        boxes, np.asarray(scores, np.float32), np.asarray(labels, np.int64), masks, (height, width)
    )


def _bitmaps(detections: Detections) -> NDArray[np.bool_]:
    masks = detections.masks
    if not isinstance(masks, list) and masks.dtype == np.bool_:
        return masks.astype(bool, copy=False)
    bitmaps = np.zeros((len(detections), *detections.image_size), bool)
    for bitmap, rle in zip(bitmaps, rle_masks(detections), strict=True):
        bitmap[:] = decode_rle(rle)
    return bitmaps
