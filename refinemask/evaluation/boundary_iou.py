"""The boundary of a mask, for boundary IoU (Cheng et al., "Boundary IoU", CVPR 2021, Sec. 4).

The boundary is the part of the mask within a distance of its contour: the mask minus its erosion.
An erosion never leaves the box of the mask, so only that window is ever drawn, and a mask narrower
than the erosion is all boundary and is not drawn at all.
"""

import math

import numpy as np
from numpy.typing import NDArray

from refinemask.inference.opencv import cv2
from refinemask.inference.rle import column_edges, run_lengths
from refinemask.inference.structures import Rle

DISTANCE_RATIO = 0.02
"""Width of the boundary relative to the image diagonal, as in the paper."""


def boundary_edges(mask: Rle) -> NDArray[np.int64]:
    """Return the boundary of a mask as the edges of its R runs, see `mask_edges`: int64 (2R,).

    The boundary is the pixels at most `boundary_distance` (Chebyshev) from a pixel outside the
    mask, where everything outside the image counts as outside the mask. This equals eroding the
    zero-padded mask `boundary_distance` times with a 3 x 3 square.

    Raises:
        RefineMaskError: the encoding is malformed.
    """
    height, width = mask["size"]
    distance = boundary_distance(height, width)
    edges = mask_edges(mask)
    if not len(edges):
        return edges
    left, top, columns = _window(edges, height)
    if min(columns.shape) <= 2 * distance:
        return edges
    side = 2 * distance + 1
    square = np.ones((side, side), np.uint8)
    inner = cv2.erode(columns, square, borderType=cv2.BORDER_CONSTANT, borderValue=0)
    return column_edges(columns > inner, left, top, height)


def edges_iou(first: NDArray[np.int64], second: NDArray[np.int64]) -> float:
    """Return the intersection over union of two sets of pixels given as edges of runs."""
    if not len(first) or not len(second):
        return 0.0
    # Pixels of `first` before each pixel: constant between its runs and rising by one a pixel
    # inside them, so that the interpolation is exact.
    covered = np.cumsum(np.diff(first, prepend=first[0]) * (np.arange(len(first)) % 2))
    before = np.interp(second, first, covered)
    intersection = float((before[1::2] - before[::2]).sum())
    area = int(covered[-1]) + int((second[1::2] - second[::2]).sum())
    return intersection / (area - intersection)


def boundary_distance(height: int, width: int) -> int:
    """Return the width of the boundary in pixels for an image of this size: at least 1."""
    return max(1, round(DISTANCE_RATIO * math.hypot(height, width)))


def mask_edges(mask: Rle) -> NDArray[np.int64]:
    """Return where the R runs of a mask start and end (exclusive), as `column_edges`: int64 (2R,).

    Raises:
        RefineMaskError: the counts are malformed or do not add up to the size.
    """
    bounds = np.cumsum(run_lengths(mask))
    starts, ends = bounds[: len(bounds) // 2 * 2 : 2], bounds[1::2]
    filled = ends > starts
    return np.stack([starts[filled], ends[filled]], axis=1).ravel()


def _window(edges: NDArray[np.int64], height: int) -> tuple[int, int, NDArray[np.uint8]]:
    """Draw the box of a mask: its left, its top, and uint8 (w, h), transposed as in COCO RLE."""
    starts, last = edges[::2], edges[1::2] - 1
    first_column, last_column = starts // height, last // height
    left, right = int(first_column[0]), int(last_column[-1]) + 1
    if (first_column == last_column).all():
        top = int((starts - first_column * height).min())
        bottom = int((last - last_column * height).max()) + 1
    else:  # a run that continues in the next column touches both the bottom and the top
        top, bottom = 0, height
    bounds = np.concatenate([[left * height], edges, [right * height]])
    values = np.arange(len(bounds) - 1, dtype=np.uint8) & 1
    strip = np.repeat(values, np.diff(bounds)).reshape(right - left, height)
    return left, top, np.ascontiguousarray(strip[:, top:bottom])
