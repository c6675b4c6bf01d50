"""Detections as files of LabelMe, to be corrected by hand (NumPy and OpenCV only)."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from refinemask.inference.polygons import mask_polygons
from refinemask.inference.structures import Detections

TOLERANCE = 1.0
"""How far outlines are moved to have corners that can be corrected by hand, in pixels."""


def to_labelme(
    detections: Detections,
    class_names: Sequence[str],
    image: Path,
    path: Path,
    score_threshold: float = 0.0,
    tolerance: float = TOLERANCE,
) -> dict[str, Any]:
    """Return the content of a LabelMe file, ready for `json.dump`.

    Each detection has a polygon for each part of its mask; several have a `group_id` in common. The
    score is in the `description`. Detections with an empty mask are left out.

    Args:
        detections: with masks in any format.
        class_names: name of each label.
        image: the file of the image.
        path: where the LabelMe file is going to be, from which it names the image.
        score_threshold: detections with lower scores are left out.
        tolerance: as that of `polygons.mask_polygons`.
    """
    shapes = []
    scored = zip(detections.labels.tolist(), detections.scores.tolist(), strict=True)
    polygons = mask_polygons(detections, tolerance)
    for number, ((label, score), parts) in enumerate(zip(scored, polygons, strict=True), start=1):
        if score < score_threshold:
            continue
        for part in parts:
            shapes.append(
                {
                    "label": class_names[label],
                    "points": part.tolist(),
                    "group_id": number if len(parts) > 1 else None,
                    "description": f"score {score:.3f}",
                    "shape_type": "polygon",
                    "flags": {},
                    "mask": None,
                }
            )
    return {
        "version": "5.5.0",
        "flags": {},
        "shapes": shapes,
        "imagePath": Path(os.path.relpath(image, path.parent)).as_posix(),
        "imageData": None,
        "imageHeight": detections.image_size[0],
        "imageWidth": detections.image_size[1],
    }
