"""What models see in one photograph, side by side, with a zoom on the outline they dispute most."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from refinemask.benchmarks.agreement import (
    boundary_iou,
    mask_iou,
    rle_masks,
    shared_detections,
)
from refinemask.processing import paste_mask
from refinemask.structures import Detections, Predictor
from refinemask.visualize import Image, draw, zoom

SCORE_THRESHOLD = 0.5
"""Detections with lower scores are neither drawn nor counted."""

_PICTURE_SIDE = 1000
_ZOOM_WIDTH = 720

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
        zooms: a region enlarged: the photograph itself, then each model; empty without detections.
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
    region = _region(found, len(shared))
    return Comparison(
        found=tuple(len(detections) for detections in found),
        shared=len(shared),
        mask_ious=tuple(mask_iou(*pair) for pair in pairs),
        boundary_ious=tuple(boundary_iou(*pair) for pair in pairs),
        pictures=tuple(
            _picture(image, detections, classes, region)
            for detections, classes in zip(found, names, strict=True)
        ),
        zooms=() if region is None else _zooms(image, found, names, region),
    )


def disputed_region(masks: Sequence[NDArray[np.bool_]], size: tuple[int, int]) -> tuple[int, int]:
    """Find where masks of one object differ most.

    Args:
        masks: bool (H, W) each.
        size: height and width of the region.

    Returns:
        (left, top) of the region, inside the masks where it fits, that has the most pixels on
        which they differ; of equal masks, the most pixels of the contour.
    """
    differing = np.logical_or.reduce(masks) ^ np.logical_and.reduce(masks)
    if not differing.any():
        mask = masks[0].astype(np.uint8)
        inner = cv2.erode(mask, np.ones((3, 3), np.uint8), borderValue=0)
        differing = (mask > inner).astype(bool)
    sums = cv2.integral(differing.astype(np.uint8))
    height, width = min(size[0], masks[0].shape[0]), min(size[1], masks[0].shape[1])
    counts = sums[height:, width:] - sums[:-height, width:]
    counts -= sums[height:, :-width] - sums[:-height, :-width]
    top, left = np.unravel_index(counts.argmax(), counts.shape)
    return int(left), int(top)


def _first(detections: Detections, indices: list[int]) -> Detections:
    """Put the detections `indices` before the others."""
    rest = [index for index in range(len(detections)) if index not in indices]
    order = np.array([*indices, *rest], np.int64)
    masks = np.asarray(detections.masks)[order]
    return dataclasses.replace(
        detections,
        boxes=detections.boxes[order],
        scores=detections.scores[order],
        labels=detections.labels[order],
        masks=masks,
    )


def _region(found: Sequence[Detections], shared: int) -> Box | None:
    """Choose what to enlarge: part of the first shared object, or of the best one there is."""
    if shared:
        objects = [(detections, 0) for detections in found]
    else:
        best = max(found, key=lambda one: float(one.scores.max(initial=0)))
        if not len(best):
            return None
        objects = [(best, int(best.scores.argmax()))]
    height, width = found[0].image_size
    boxes = np.stack([detections.boxes[index] for detections, index in objects])
    left, top = (max(int(value) - 1, 0) for value in np.floor(boxes[:, :2].min(0)))
    right = min(int(np.ceil(boxes[:, 2].max())) + 1, width)
    bottom = min(int(np.ceil(boxes[:, 3].max())) + 1, height)
    if left >= right or top >= bottom:
        return None
    corner = np.array([left, top, left, top], np.float32)
    masks = [
        paste_mask(
            np.asarray(detections.masks)[index],
            detections.boxes[index] - corner,
            bottom - top,
            right - left,
        )
        for detections, index in objects
    ]
    zoom_width = min(max(round(0.3 * max(right - left, bottom - top)), 40), width)
    zoom_height = min(max(round(0.75 * zoom_width), 1), height)
    inner_left, inner_top = disputed_region(masks, (zoom_height, zoom_width))
    zoom_left = min(left + inner_left, width - zoom_width)
    zoom_top = min(top + inner_top, height - zoom_height)
    return zoom_left, zoom_top, zoom_left + zoom_width, zoom_top + zoom_height


def _picture(
    image: Image, detections: Detections, class_names: Sequence[str], region: Box | None
) -> Image:
    picture = draw(image, detections, class_names, SCORE_THRESHOLD)
    factor = min(_PICTURE_SIDE / max(picture.shape[:2]), 1)
    if factor < 1:
        size = (round(picture.shape[1] * factor) or 1, round(picture.shape[0] * factor) or 1)
        picture = cv2.resize(picture, size, interpolation=cv2.INTER_AREA).astype(np.uint8)
    if region is not None:
        scale = picture.shape[1] / image.shape[1]
        corners = [round(value * scale) for value in region]
        for colour, thickness in (((0, 0, 0), 4), ((255, 255, 255), 2)):
            cv2.rectangle(picture, corners[:2], corners[2:], colour, thickness, cv2.LINE_AA)
    return picture


def _zooms(
    image: Image,
    found: Sequence[Detections],
    names: Sequence[Sequence[str]],
    region: Box,
) -> tuple[Image, ...]:
    """Enlarge the region itself, and with each model's detections drawn at that scale."""
    left, top, right, bottom = region
    cut = zoom(image, region)
    scale = max(round(_ZOOM_WIDTH / (right - left)), 1)
    corner = np.array([left, top, left, top], np.float32)
    pictures = [zoom(image, region, scale)]
    for detections, classes in zip(found, names, strict=True):
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
