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
        For each detection, a polygon for each part of its mask; none if the mask is empty. A hole
        is joined to the outline around it by a cut of no width.
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
    rings = [_ring(np.asarray(contour), tolerance) for contour in contours]
    parts = {index: ring for index, ring in enumerate(rings) if parents[index] < 0}
    for ring, parent in zip(rings, parents, strict=True):
        if parent >= 0 and len(ring) > 2:
            parts[parent] = _joined(parts[parent], ring)
    return [part.astype(np.float64) for part in parts.values()]


def _ring(contour: NDArray[np.int32], tolerance: float) -> NDArray[np.int32]:
    """Return the corners of the pixel edges that a contour of doubled pixels follows: (P, 2)."""
    points = (contour[:, 0] + 1) // 2
    exact = _corners(points)
    if tolerance <= 0:
        return exact
    fewer = np.asarray(cv2.approxPolyDP(exact[:, None], tolerance, True), np.int32)[:, 0]
    return fewer if len(fewer) > 2 else exact


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
