"""Pixel accuracy near outlines and away from them, for RefineMask's Figure 1.

The boundary region is that of Sec. 3.3: the pixels within a distance of the contour, on both sides
of it. There it is a band in a mask of one object; here it is one in the image, around the
foreground.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from refinemask.errors import RefineMaskError
from refinemask.inference.opencv import cv2

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Counts:
    """Pixels of a region by what was found and what is true; counts of several images add up."""

    true_positive: int = 0
    false_positive: int = 0
    false_negative: int = 0
    true_negative: int = 0

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(
            self.true_positive + other.true_positive,
            self.false_positive + other.false_positive,
            self.false_negative + other.false_negative,
            self.true_negative + other.true_negative,
        )

    @property
    def pixels(self) -> int:
        """How many pixels were counted."""
        wrong = self.false_positive + self.false_negative
        return self.true_positive + self.true_negative + wrong

    @property
    def accuracy(self) -> float:
        """Share of the pixels that are right; -1 without pixels."""
        return (self.true_positive + self.true_negative) / self.pixels if self.pixels else -1.0

    @property
    def iou(self) -> float:
        """Intersection over union of the foreground; -1 if there is neither."""
        union = self.true_positive + self.false_positive + self.false_negative
        return self.true_positive / union if union else -1.0

    def to_dict(self) -> dict[str, Any]:
        """Return the figures and what they are made of as plain JSON values."""
        return {
            "accuracy": self.accuracy,
            "iou": self.iou,
            "pixels": self.pixels,
            "true_positive": self.true_positive,
            "false_positive": self.false_positive,
            "false_negative": self.false_negative,
            "true_negative": self.true_negative,
        }


def boundary_region(mask: Mask, distance: int) -> Mask:
    """Return the pixels within `distance` of the contour of a mask.

    These are the pixels that have one of the other value at most `distance` rows and columns away,
    so the band is `distance` pixels wide on either side. The border of the image is not a
    contour: the object may continue behind it.

    Args:
        mask: bool (H, W).
        distance: in pixels, at least 1.

    Returns:
        bool (H, W).

    Raises:
        RefineMaskError: the distance is less than 1.
    """
    if distance < 1:
        raise RefineMaskError(
            f"the width of the boundary region must be at least 1 pixel, got {distance}"
        )
    square = np.ones((2 * distance + 1, 2 * distance + 1), np.uint8)
    values = mask.astype(np.uint8)
    # With OpenCV's default border the pixels outside the image take no part.
    return cv2.dilate(values, square) > cv2.erode(values, square)


def region_distance(height: int, width: int, ratio: float) -> int:
    """Return `ratio` of the image's diagonal in whole pixels, at least 1.

    Raises:
        RefineMaskError: the ratio is not more than 0 and at most 1.
    """
    if not 0 < ratio <= 1:
        raise RefineMaskError(
            "the width of the boundary region is a share of the image's diagonal, more than 0 and "
            f"at most 1, got {ratio}; boundary AP takes 0.02"
        )
    return max(1, round(ratio * math.hypot(height, width)))


def count(found: Mask, truth: Mask, region: Mask) -> Counts:
    """Compare two foregrounds inside a region; all bool (H, W)."""
    right = found == truth
    return Counts(
        int((truth & right & region).sum()),
        int((~truth & ~right & region).sum()),
        int((truth & ~right & region).sum()),
        int((~truth & right & region).sum()),
    )
