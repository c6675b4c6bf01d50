"""The pictures of the report: a whole photograph with detections, and one region enlarged."""

import dataclasses
from collections.abc import Sequence

import cv2
import numpy as np

from refinemask.benchmarks.report.disputed_region import Region
from refinemask.inference.drawing import Image, draw, zoom
from refinemask.inference.structures import Detections

SCORE_THRESHOLD = 0.5
"""Detections with lower scores are neither drawn nor counted."""

_PICTURE_SIDE = 640
_ZOOM_WIDTH = 720


def draw_photograph(
    image: Image, detections: Detections, class_names: Sequence[str], region: Region | None
) -> Image:
    """Draw detections on the whole photograph, and a frame around the region if there is one.

    The photograph is scaled so that the text on it is readable on the page.

    Returns:
        uint8 RGB; the longer side has 640 pixels.
    """
    height, width = image.shape[:2]
    scale = _PICTURE_SIDE / max(height, width)
    size = (max(round(width * scale), 1), max(round(height * scale), 1))
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    resized = cv2.resize(image, size, interpolation=method).astype(np.uint8)
    factors = np.array([size[0] / width, size[1] / height] * 2, np.float32)
    moved = dataclasses.replace(
        detections, boxes=detections.boxes * factors, image_size=(size[1], size[0])
    )
    picture = draw(resized, moved, class_names, SCORE_THRESHOLD, scale=1, line_width=2)
    if region is not None:
        corners = np.rint(region * factors).astype(int).tolist()
        for colour, thickness in (((0, 0, 0), 4), ((255, 255, 255), 2)):
            cv2.rectangle(picture, corners[:2], corners[2:], colour, thickness, cv2.LINE_AA)
    return picture


def draw_zooms(
    image: Image,
    masks_of_object: Sequence[Detections],
    names: Sequence[Sequence[str]],
    region: Region,
) -> tuple[Image, ...]:
    """Enlarge a region: the photograph alone, then with the mask of each model.

    Args:
        image: uint8 RGB (H, W, 3).
        masks_of_object: the detection of the object by each model, or none; masks as "probs".
        names: class names of each model.
        region: part of the image.
    """
    left, top, right, bottom = region
    cut = zoom(image, region)
    scale = max(round(_ZOOM_WIDTH / (right - left)), 1)
    corner = np.array([left, top, left, top], np.float32)
    pictures = [zoom(image, region, scale)]
    for detections, classes in zip(masks_of_object, names, strict=True):
        moved = dataclasses.replace(
            detections, boxes=detections.boxes - corner, image_size=(bottom - top, right - left)
        )
        pictures.append(
            draw(
                cut,
                moved,
                classes,
                SCORE_THRESHOLD,
                scale=scale,
                fill=0.25,
                line_width=3,
                labels=False,
            )
        )
    return tuple(pictures)
