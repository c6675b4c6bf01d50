"""What models see in one photograph, side by side, with a zoom on the outline they dispute most."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from refinemask.benchmarks.report.agreement import (
    boundary_iou,
    mask_iou,
    shared_detections,
)
from refinemask.inference.drawing import Image, draw, zoom
from refinemask.inference.pasting import paste_mask, rle_masks
from refinemask.inference.structures import Detections, Predictor

SCORE_THRESHOLD = 0.5
"""Detections with lower scores are neither drawn nor counted."""

_PICTURE_SIDE = 640
_ZOOM_WIDTH = 720
_ZOOM_SHARE = 0.25
"""Width of the enlarged region relative to the longer side of the object."""

Box = tuple[int, int, int, int]
"""Left, top, right, bottom in pixels of the image; the last two are exclusive."""


@dataclass(frozen=True)
class Comparison:
    """One photograph through several models.

    Attributes:
        found: the number of detections of each model.
        shared: the number of objects that all models detected.
        mask_ious: of each shared object, the IoU of the first model's mask with each other's.
        boundary_ious: the same of the boundaries.
        pictures: the photograph with the detections of each model.
        zooms: part of one object enlarged: the photograph itself, then with the mask of each model;
            empty without detections.
    """

    found: tuple[int, ...]
    shared: int
    mask_ious: tuple[float, ...]
    boundary_ious: tuple[float, ...]
    pictures: tuple[Image, ...]
    zooms: tuple[Image, ...]


def compare(predictors: Sequence[Predictor], image: Image) -> Comparison:
    """Run the models on one uint8 RGB image (H, W, 3) and draw what they find."""
    names = [predictor.class_names for predictor in predictors]
    found = [predictor.predict(image, "probs", SCORE_THRESHOLD) for predictor in predictors]
    shared = shared_detections(found, names)
    # What is shared goes first, so that an object has one colour in all pictures.
    found = [
        _first(detections, [indices[model] for indices in shared])
        for model, detections in enumerate(found)
    ]
    masks = [rle_masks(detections)[: len(shared)] for detections in found]
    pairs = [
        (mine, theirs) for other in masks[1:] for mine, theirs in zip(masks[0], other, strict=True)
    ]
    subjects = _subjects(found, len(shared))
    region = _region(image, subjects)
    return Comparison(
        found=tuple(len(detections) for detections in found),
        shared=len(shared),
        mask_ious=tuple(mask_iou(*pair) for pair in pairs),
        boundary_ious=tuple(boundary_iou(*pair) for pair in pairs),
        pictures=tuple(
            _picture(image, detections, classes, region)
            for detections, classes in zip(found, names, strict=True)
        ),
        zooms=() if region is None else _zooms(image, subjects, names, region),
    )


def disputed_region(
    masks: Sequence[NDArray[np.bool_]], contrast: NDArray[np.float32], size: tuple[int, int]
) -> tuple[int, int]:
    """Find where masks of one object differ most, counting what is visible in the photograph.

    Args:
        masks: bool (H, W) each.
        contrast: float32 (H, W), how much a pixel counts.
        size: height and width of the region; cut to the masks where it is larger.

    Returns:
        (left, top) of the region in which the pixels on which the masks differ have the largest sum
        of `contrast`; where that is nothing, of the one with the longest contour.
    """
    weights = (np.logical_or.reduce(masks) ^ np.logical_and.reduce(masks)) * contrast
    if not weights.any():
        mask = masks[0].astype(np.uint8)
        weights = (mask - cv2.erode(mask, np.ones((3, 3), np.uint8))).astype(np.float32)
    height, width = np.minimum(size, weights.shape)
    sums = cv2.integral(weights)
    counts = sums[height:, width:] - sums[:-height, width:]
    counts -= sums[height:, :-width] - sums[:-height, :-width]
    top, left = np.unravel_index(counts.argmax(), counts.shape)
    return int(left), int(top)


def _first(detections: Detections, indices: list[int]) -> Detections:
    """Put the detections `indices` before the others."""
    rest = [index for index in range(len(detections)) if index not in indices]
    return _only(detections, [*indices, *rest])


def _only(detections: Detections, indices: list[int]) -> Detections:
    """Return the detections `indices` in that order."""
    order = np.array(indices, np.int64)
    return dataclasses.replace(
        detections,
        boxes=detections.boxes[order],
        scores=detections.scores[order],
        labels=detections.labels[order],
        masks=np.asarray(detections.masks)[order],
    )


def _subjects(found: Sequence[Detections], shared: int) -> list[Detections]:
    """Return what is enlarged: the first shared object, or the surest detection of any model.

    Returns:
        the one detection of each model, or none; an empty list without any detection.
    """
    if shared:
        return [_only(detections, [0]) for detections in found]
    surest = max(range(len(found)), key=lambda model: float(found[model].scores.max(initial=0)))
    if not len(found[surest]):
        return []
    best = int(found[surest].scores.argmax())
    return [
        _only(detections, [best] if model == surest else [])
        for model, detections in enumerate(found)
    ]


def _region(image: Image, subjects: Sequence[Detections]) -> Box | None:
    """Choose a region of the one object that `subjects` hold; None if it is not in the image."""
    height, width = image.shape[:2]
    present = [one for one in subjects if len(one)]
    if not present:
        return None
    boxes = np.concatenate([one.boxes for one in present])
    left, top = (max(int(value) - 1, 0) for value in np.floor(boxes[:, :2].min(0)))
    right, bottom = (int(value) + 1 for value in np.ceil(boxes[:, 2:].max(0)))
    right, bottom = min(right, width), min(bottom, height)
    if left >= right or top >= bottom:
        return None
    corner = np.array([left, top, left, top], np.float32)
    masks = [
        paste_mask(np.asarray(one.masks)[0], one.boxes[0] - corner, bottom - top, right - left)
        for one in present
    ]
    zoom_width = min(max(round(_ZOOM_SHARE * max(right - left, bottom - top)), 40), width)
    zoom_height = min(max(round(0.75 * zoom_width), 1), height)
    contrast = _contrast(image[top:bottom, left:right])
    inner_left, inner_top = disputed_region(masks, contrast, (zoom_height, zoom_width))
    left = min(left + inner_left, width - zoom_width)
    top = min(top + inner_top, height - zoom_height)
    return left, top, left + zoom_width, top + zoom_height


def _contrast(image: Image) -> NDArray[np.float32]:
    """Return the local range of brightness, 0 to 255, without the noise of single pixels."""
    grey = cv2.GaussianBlur(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), (5, 5), 0)
    return cv2.morphologyEx(grey, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8)).astype(np.float32)


def _picture(
    image: Image, detections: Detections, class_names: Sequence[str], region: Box | None
) -> Image:
    """Draw the whole photograph in the size in which text on it is readable on the page."""
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


def _zooms(
    image: Image,
    subjects: Sequence[Detections],
    names: Sequence[Sequence[str]],
    region: Box,
) -> tuple[Image, ...]:
    """Enlarge the region itself, and with each model's mask of the object drawn at that scale."""
    left, top, right, bottom = region
    cut = zoom(image, region)
    scale = max(round(_ZOOM_WIDTH / (right - left)), 1)
    corner = np.array([left, top, left, top], np.float32)
    pictures = [zoom(image, region, scale)]
    for detections, classes in zip(subjects, names, strict=True):
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
