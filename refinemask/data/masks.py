"""Instance masks as polygons or bitmaps.

Polygons live in continuous image coordinates: x grows right, y down, (0, 0) is the outer corner of
the first pixel and (width, height) that of the last one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco_mask

from refinemask.data.segmentations import SHORTEST_POLYGON, segmentation_problem
from refinemask.errors import RefineMaskError
from refinemask.inference.opencv import cv2
from refinemask.inference.rle import run_lengths


@dataclass(frozen=True)
class PolygonMask:
    """An instance outlined by one or more polygons, as in COCO and LVIS.

    Attributes:
        polygons: float64 arrays x1, y1, x2, y2, ... in pixels, at least three points each.
    """

    polygons: tuple[NDArray[np.float64], ...]

    def hflip(self, width: int) -> "PolygonMask":
        """Mirror left to right in an image `width` pixels wide."""
        return PolygonMask(tuple(affine(xy, (-1, 1), (width, 0)) for xy in self.polygons))

    def resize(self, height: int, width: int, new_height: int, new_width: int) -> "PolygonMask":
        """Follow an image resized from (height, width) to (new_height, new_width)."""
        scale = (new_width / width, new_height / height)
        return PolygonMask(tuple(affine(xy, scale, (0, 0)) for xy in self.polygons))

    def crop(self, left: int, top: int, height: int, width: int) -> "PolygonMask":
        """Follow an image cut to a window, at whose edges only `to_bitmap` cuts the polygons."""
        return PolygonMask(tuple(affine(xy, (1, 1), (-left, -top)) for xy in self.polygons))

    def to_bitmap(self, height: int, width: int) -> NDArray[np.uint8]:
        """Rasterise all parts together as COCO does: uint8 0/1 (height, width)."""
        return rasterise(self.polygons, height, width)


@dataclass(frozen=True)
class BitmapMask:
    """An instance given pixel by pixel, as in Cityscapes and run-length encodings.

    Attributes:
        bitmap: uint8 0/1 (H, W), on the grid of the whole image.
    """

    bitmap: NDArray[np.uint8]

    def hflip(self, width: int) -> "BitmapMask":
        """Mirror left to right in an image `width` pixels wide."""
        return BitmapMask(np.ascontiguousarray(self.to_bitmap(len(self.bitmap), width)[:, ::-1]))

    def resize(self, height: int, width: int, new_height: int, new_width: int) -> "BitmapMask":
        """Follow a resized image, taking the nearest pixel as the official code does."""
        bitmap = self.to_bitmap(height, width)
        resized = cv2.resize(bitmap, (new_width, new_height), interpolation=cv2.INTER_NEAREST)
        return BitmapMask(resized.astype(np.uint8, copy=False))

    def crop(self, left: int, top: int, height: int, width: int) -> "BitmapMask":
        """Follow an image cut to a window."""
        return BitmapMask(
            np.ascontiguousarray(self.to_bitmap(top + height, left + width)[top:, left:])
        )

    def to_bitmap(self, height: int, width: int) -> NDArray[np.uint8]:
        """Return the mask on a canvas of (height, width): cut or padded with 0 there."""
        rows, columns = self.bitmap.shape
        if (rows, columns) == (height, width):
            return self.bitmap
        canvas = np.zeros((height, width), np.uint8)
        kept = self.bitmap[:height, :width]
        canvas[: kept.shape[0], : kept.shape[1]] = kept
        return canvas


InstanceMask = PolygonMask | BitmapMask


def parse_segmentation(segmentation: Any, height: int, width: int) -> InstanceMask | None:
    """Read COCO's `segmentation`: polygons, or a run-length encoding, compressed or not.

    Returns:
        The mask, or None when it is empty: no polygon of three points, no pixel set.

    Raises:
        RefineMaskError: as `segmentation_problem` and `run_lengths` say.
    """
    _check(segmentation, height, width)
    if isinstance(segmentation, list):
        parts = [np.asarray(part, np.float64) for part in segmentation]
        polygons = tuple(part for part in parts if len(part) >= SHORTEST_POLYGON)
        return PolygonMask(polygons) if polygons else None
    # Not by pycocotools, which reads beyond its memory when counts do not add up.
    counts = run_lengths(segmentation)
    if not counts[1::2].any():
        return None
    values = (np.arange(len(counts)) % 2).astype(np.uint8)
    return BitmapMask(np.ascontiguousarray(np.repeat(values, counts).reshape(width, height).T))


def is_empty(segmentation: Any, height: int, width: int) -> bool:
    """Return whether `parse_segmentation` gives None, without decoding it.

    Raises:
        RefineMaskError: it is neither a list nor a run-length encoding of this image size.
    """
    if isinstance(segmentation, list):
        return not any(len(polygon) >= SHORTEST_POLYGON for polygon in segmentation)
    _check(segmentation, height, width)
    return not run_lengths(segmentation)[1::2].any()


def _check(segmentation: Any, height: int, width: int) -> None:
    problem = segmentation_problem(segmentation, height, width)
    if problem:
        raise RefineMaskError(f"it {problem}")


def rasterise(
    polygons: Sequence[NDArray[np.float64]], height: int, width: int
) -> NDArray[np.uint8]:
    """Rasterise polygons together as COCO does: uint8 0/1 (height, width)."""
    if not polygons:
        return np.zeros((height, width), np.uint8)
    return coco_mask.decode(coco_mask.merge(coco_mask.frPyObjects(list(polygons), height, width)))


def affine(
    xy: NDArray[np.float64], scale: tuple[float, float], shift: tuple[float, float]
) -> NDArray[np.float64]:
    """Scale the points x1, y1, x2, y2, ... and then shift them."""
    return (xy.reshape(-1, 2) * np.array(scale, np.float64) + np.array(shift, np.float64)).ravel()
