"""Detections as COCO results, the format that evaluators read (NumPy only)."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from refinemask.configs.classes import numbered_classes
from refinemask.errors import RefineMaskError
from refinemask.inference.pasting import rle_masks
from refinemask.inference.structures import Detections


def to_coco_results(
    detections: Detections,
    image_id: int | str,
    category_ids: Sequence[int | None],
    class_names: Sequence[str] | None = None,
) -> list[dict[str, Any]]:
    """Return one COCO result per detection, ready for `json.dump`.

    Boxes are x, y, width, height in pixels of the original image, rounded to 3 decimals, scores to
    6, and masks are compressed run-length encodings with text counts.

    Args:
        detections: with masks in any format.
        image_id: the dataset's, or the file name outside one.
        category_ids: the category of each label; None leaves the detections of a label out.
        class_names: of each label, to be written as `category_name` where the ids are not those of
            a dataset; None, or names that only number the classes, are not written.

    Raises:
        RefineMaskError: a label has no entry in `category_ids`.
    """
    if len(detections) and detections.labels.max() >= len(category_ids):
        raise RefineMaskError(
            f"label {detections.labels.max()} has no category id among {len(category_ids)}; "
            "give the category ids of the model that made the detections"
        )
    named = class_names is not None and tuple(class_names) != numbered_classes(len(class_names))
    corners = detections.boxes.astype(np.float64)
    boxes = np.concatenate([corners[:, :2], corners[:, 2:] - corners[:, :2]], axis=1).round(3)
    return [
        {
            "image_id": image_id,
            "category_id": category_ids[label],
            **({"category_name": class_names[label]} if named and class_names else {}),
            "bbox": box,
            "score": round(score, 6),
            "segmentation": mask,
        }
        for label, box, score, mask in zip(
            detections.labels.tolist(),
            boxes.tolist(),
            detections.scores.tolist(),
            rle_masks(detections),
            strict=True,
        )
        if category_ids[label] is not None
    ]
