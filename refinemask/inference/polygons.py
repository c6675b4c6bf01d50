"""Masks as polygons, for formats and tools that know no other masks (NumPy and OpenCV only)."""

import numpy as np
from numpy.typing import NDArray

from refinemask.inference.opencv import cv2
from refinemask.inference.pasting import rle_masks
from refinemask.inference.runs import cut_out
from refinemask.inference.structures import Detections

Polygon = NDArray[np.float64]
"""float64 (P, 2), x and y in pixels of the image, where pixel k covers k to k + 1."""


def mask_polygons(detections: Detections, tolerance: float = 0.0) -> list[list[Polygon]]:
    """Return the outlines of each mask.

    Args:
        detections: with masks in any format.
        tolerance: how far the outline may move to have fewer corners, in pixels; 0 follows the
            edges of the pixels exactly.

    Returns:
        For each detection, a polygon for each part of its mask, whose pixels touch at least at a
        corner; none if the mask is empty. It begins at the leftmost corner of its topmost row and
        runs clockwise; so are the parts ordered. A hole is joined to the outline around it by a cut
        of no width.
    """
    found = []
    for rle in rle_masks(detections):
        mask, left, top = cut_out(rle, margin=1)
        found.append([np.add(part, (left, top)) for part in outlines(mask, tolerance)])
    return found


def outlines(mask: NDArray[np.bool_], tolerance: float = 0.0) -> list[Polygon]:
    """Return a polygon for each part of one mask (H, W), see `mask_polygons`."""
    if not mask.any():
        return []
    # Contours go through the centres of pixels: of two pixels for each, its edges are told apart.
    twice = mask.astype(np.uint8).repeat(2, 0).repeat(2, 1)
    contours, hierarchy = cv2.findContours(twice, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    parents = np.asarray(hierarchy)[0, :, 3].tolist()
    exact = [
        _edges(np.asarray(contour), hole=parents[i] >= 0) for i, contour in enumerate(contours)
    ]
    in_order = sorted(range(len(exact)), key=lambda i: tuple(exact[i][0][::-1]))
    rings = [_simplified(ring, tolerance) for ring in exact]
    parts = {index: rings[index] for index in in_order if parents[index] < 0}
    for index in in_order:
        if parents[index] >= 0 and len(rings[index]) > 2:
            parts[parents[index]] = _joined(parts[parents[index]], rings[index])
    return [part.astype(np.float64) for part in parts.values()]


def _edges(contour: NDArray[np.int32], hole: bool) -> NDArray[np.int32]:
    """Return the corners of the pixel edges that a contour of doubled pixels follows: (P, 2).

    From the leftmost corner of the topmost row on, clockwise; around a hole, the other way.
    """
    ring = _corners((contour[:, 0] + 1) // 2)
    first = int(np.lexsort(ring.T)[0])
    ring = np.roll(ring, -first, 0)
    is_other_way = (ring[1, 0] == ring[0, 0]) != hole
    return np.roll(ring[::-1], 1, 0) if is_other_way else ring


def _simplified(ring: NDArray[np.int32], tolerance: float) -> NDArray[np.int32]:
    if tolerance <= 0:
        return ring
    fewer = np.asarray(cv2.approxPolyDP(ring[:, None], tolerance, True), np.int32)[:, 0]
    return fewer if len(fewer) > 2 else ring


def _corners(points: NDArray[np.int32]) -> NDArray[np.int32]:
    """Leave out repeated points, then those between two others in one direction."""
    points = _without_repeats(points)
    turns = np.roll(points, -1, 0) - points != points - np.roll(points, 1, 0)
    return points[turns.any(1)]


def _without_repeats(points: NDArray[np.int32]) -> NDArray[np.int32]:
    return points[(points != np.roll(points, 1, 0)).any(1)]


def _joined(outer: NDArray[np.int32], hole: NDArray[np.int32]) -> NDArray[np.int32]:
    """Join a hole, which runs the other way round, to the corner of the outline nearest to it."""
    distances = np.abs(outer - hole[0]).sum(1)
    at = int(distances.argmin())
    return _without_repeats(np.concatenate([outer[: at + 1], hole, hole[:1], outer[at:]]))
