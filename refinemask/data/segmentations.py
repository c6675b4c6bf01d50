"""The check that every mask of a file goes through: ground truth and results alike."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

SHORTEST_POLYGON = 6
"""Numbers of a polygon of three points."""
_FARTHEST = 10
"""How far outside the image a polygon may reach, in lengths of the image's longer side."""
_LONGEST, _LONGEST_OF_ALL = 500, 10**7
"""Bounds of the length of an outline, in lengths of two sides of the image and in pixels: the
rasteriser needs memory for every pixel of it."""


def segmentation_problem(segmentation: Any, height: int, width: int) -> str | None:
    """Return what is wrong with the mask of an image of this size, or None.

    The counts of a run-length encoding are left to `run_lengths`.

    Args:
        segmentation: COCO's polygons, as lists or arrays, or a run-length encoding.
        height: of the image, in pixels.
        width: likewise.

    Returns:
        A clause that goes after the name of the entry: "has a polygon ...".
    """
    if isinstance(segmentation, list):
        return _polygons_problem(segmentation, height, width)
    if not isinstance(segmentation, Mapping) or not {"size", "counts"} <= segmentation.keys():
        return (
            "must have a list of polygons or a run-length encoding with `size` and `counts` as "
            f"`segmentation`, got {str(segmentation)[:60]!r}"
        )
    size = segmentation["size"]
    if not isinstance(size, list | tuple) or list(size) != [height, width]:
        return (
            f"has a run-length encoding of size {str(size)[:60]} in an image of height {height} "
            f"and width {width}; masks must be on the grid of the original image"
        )
    return None


def as_polygon(part: Any) -> NDArray[np.float64] | None:
    """Return a flat list of numbers as an array; None if it is none."""
    if isinstance(part, np.ndarray):
        return part
    # First their types: NumPy gives all entries the room of the longest, were one a text.
    if not isinstance(part, list | tuple) or not set(map(type, part)) <= {int, float}:
        return None
    try:
        return np.array(part, np.float64)
    except OverflowError:
        return None


def _polygons_problem(parts: list[Any], height: int, width: int) -> str | None:
    if _are_pairs(parts) or any(_are_pairs(part) for part in parts if isinstance(part, list)):
        return (
            "has the points of a polygon as pairs [[x, y], ...], but COCO has them one after the "
            "other, in one list for each polygon: [[x1, y1, x2, y2, ...]]; convert the file"
        )
    for part in parts:
        polygon = as_polygon(part)
        if polygon is None or len(polygon) % 2:
            return (
                "has a polygon that is not a flat list x1, y1, x2, y2, ... of numbers: "
                f"{str(part)[:60]}"
            )
        problem = _polygon_problem(polygon, height, width)
        if problem:
            return problem
    return None


def _are_pairs(parts: list[Any]) -> bool:
    """Whether these are three or more points, each in a list of its own."""
    return len(parts) > 2 and all(
        isinstance(part, list | np.ndarray) and len(part) == 2 and not isinstance(part[0], list)
        for part in parts
    )


def _polygon_problem(polygon: NDArray[np.float64], height: int, width: int) -> str | None:
    if not len(polygon):
        return None
    farthest = _FARTHEST * max(height, width)
    reach = np.abs(polygon).max()
    if not reach <= farthest:  # also for NaN
        return (
            f"has a polygon with the coordinate {polygon[np.argmax(np.abs(polygon))]}; coordinates "
            f"must be finite, in pixels and within {farthest} pixels of the image"
        )
    longest = min(_LONGEST * (height + width), _LONGEST_OF_ALL)
    if reach * len(polygon) * 2 > longest:  # it may be longer
        points = polygon.reshape(-1, 2)
        length = float(np.abs(points - np.roll(points, 1, 0)).sum())
        if length > longest:
            return (
                f"has a polygon whose outline is {length:.0f} pixels long, more than {longest}; "
                "remove it or draw it again"
            )
    return None
