"""The part of an image in which models disagree most about one object."""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from refinemask.inference.drawing import Image
from refinemask.inference.pasting import paste_mask
from refinemask.inference.structures import Detections

Region = tuple[int, int, int, int]
"""Left, top, right, bottom in pixels of the image; the last two are exclusive."""

_SHARE = 0.25
"""Width of the region relative to the longer side of the object."""
_MINIMUM_WIDTH = 40
_ASPECT = 0.75
"""Height of the region relative to its width."""


def disputed_region(
    masks: Sequence[NDArray[np.bool_]], contrast: NDArray[np.float32], size: tuple[int, int]
) -> tuple[int, int]:
    """Find where masks of one object differ most, weighted by what is visible in the photograph.

    Args:
        masks: bool (H, W) each.
        contrast: float32 (H, W), the weight of each pixel.
        size: height and width of the region; limited to the size of the masks.

    Returns:
        (left, top) of the region in which the pixels that the masks dispute have the largest sum of
        `contrast`; if they dispute none, of the region with the longest contour.
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


def object_region(image: Image, masks_of_object: Sequence[Detections]) -> Region | None:
    """Choose the region of an object to enlarge.

    Args:
        image: uint8 RGB (H, W, 3).
        masks_of_object: the detection of the object by each model, or none; masks as "probs".

    Returns:
        the region; None if no model detected the object, or its box is outside the image.
    """
    height, width = image.shape[:2]
    present = [one for one in masks_of_object if len(one)]
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
    region_width = min(max(round(_SHARE * max(right - left, bottom - top)), _MINIMUM_WIDTH), width)
    region_height = min(max(round(_ASPECT * region_width), 1), height)
    contrast = _contrast(image[top:bottom, left:right])
    inner_left, inner_top = disputed_region(masks, contrast, (region_height, region_width))
    left = min(left + inner_left, width - region_width)
    top = min(top + inner_top, height - region_height)
    return left, top, left + region_width, top + region_height


def _contrast(image: Image) -> NDArray[np.float32]:
    """Return the local range of brightness, 0 to 255, without the noise of single pixels."""
    grey = cv2.GaussianBlur(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), (5, 5), 0)
    return cv2.morphologyEx(grey, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8)).astype(np.float32)
