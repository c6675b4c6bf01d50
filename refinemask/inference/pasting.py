"""Masks from their boxes into the image, as bitmaps or as run-length encodings (NumPy only).

Compiled code does it where it was built (`native`), with the same results.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from refinemask.inference import native
from refinemask.inference.rle import column_edges, encode_rle, rle_from_edges
from refinemask.inference.structures import Detections, Rle


def paste_mask(
    probs: NDArray[np.float32], box: NDArray[np.float32], height: int, width: int
) -> NDArray[np.bool_]:
    """Resample a mask from its box into the image and threshold it (numerics 9).

    Args:
        probs: float32 (M, M), probabilities inside the box.
        box: float32 (4,), xyxy in pixels of the image.
        height: height of the image.
        width: width of the image.

    Returns:
        bool (H, W), true where the bilinear interpolation at the pixel's centre is at least 0.5.
    """
    return paste_masks(probs[None], box[None], height, width)[0]


def paste_masks(
    probs: NDArray[np.float32], boxes: NDArray[np.float32], height: int, width: int
) -> NDArray[np.bool_]:
    """Return `paste_mask` of N masks (N, M, M) and their boxes (N, 4): bool (N, H, W)."""
    kernels = native.kernels()
    if kernels is not None:
        return kernels.paste_masks(probs, boxes, height, width)
    bitmaps = np.zeros((len(probs), height, width), bool)
    for bitmap, prob, box in zip(bitmaps, probs, boxes, strict=True):
        for left, top, columns in _pasted_strips(prob, box, height, width):
            bitmap[top : top + columns.shape[1], left : left + columns.shape[0]] = columns.T
    return bitmaps


def paste_rle(probs: NDArray[np.float32], box: NDArray[np.float32], height: int, width: int) -> Rle:
    """Return the run-length encoding of `paste_mask`, without an array of the image's size."""
    kernels = native.kernels()
    if kernels is not None:
        counts = kernels.paste_rle(probs, box, height, width)
        return {"size": [height, width], "counts": counts}
    edges = [
        column_edges(columns, left, top, height)
        for left, top, columns in _pasted_strips(probs, box, height, width)
    ]
    return rle_from_edges(np.concatenate([np.zeros(0, np.int64), *edges]), height, width)


def rle_masks(detections: Detections) -> list[Rle]:
    """Return the masks of detections, whatever their format, as N run-length encodings."""
    masks = detections.masks
    if isinstance(masks, list):
        return masks
    if masks.dtype == np.bool_:
        return [encode_rle(mask) for mask in masks]
    return [
        paste_rle(probs, box, *detections.image_size)
        for probs, box in zip(masks.astype(np.float32, copy=False), detections.boxes, strict=True)
    ]


_STRIP_PIXELS = 1 << 18
"""Pixels resampled at a time: bounds the memory, and keeps the work in the CPU's cache."""


def _pasted_strips(
    probs: NDArray[np.float32], box: NDArray[np.float32], height: int, width: int
) -> Iterator[tuple[int, int, NDArray[np.bool_]]]:
    """Yield (left, top, bool (w, h) transposed) strips of the pasted mask, from left to right.

    Only the pixels within one pixel of the box are visited, as in the official code on a CPU.
    """
    if not np.isfinite(box).all():
        return
    x1, y1, x2, y2 = np.asarray(box, np.float32)
    left, right = _window(x1, x2, width)
    top, bottom = _window(y1, y2, height)
    if left >= right or top >= bottom:
        return
    low, high, low_weight, high_weight = _taps(y1, y2, top, bottom, probs.shape[0])
    rows = probs.T[:, low] * low_weight + probs.T[:, high] * high_weight
    step = max(_STRIP_PIXELS // (bottom - top), 1)
    for start in range(left, right, step):
        stop = min(start + step, right)
        low, high, low_weight, high_weight = _taps(x1, x2, start, stop, probs.shape[1])
        values = rows[low] * low_weight[:, None]
        values += rows[high] * high_weight[:, None]
        yield start, top, values >= native.THRESHOLD


def _window(start: np.float32, end: np.float32, length: int) -> tuple[int, int]:
    return max(int(np.floor(start)) - 1, 0), min(int(np.ceil(end)) + 1, length)


def _taps(
    start: np.float32, end: np.float32, first: int, last: int, size: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32], NDArray[np.float32]]:
    """Return the two cells that each pixel of [first, last) reads on one axis, and their weights.

    Cells outside the mask get weight 0. A box without extent has infinite grid coordinates, which
    the official code replaces by 0, the mask's centre (numerics 9).
    """
    pixels = np.arange(first, last, dtype=np.float32) + np.float32(0.5)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        grid = (pixels - start) / (end - start) * np.float32(2) - np.float32(1)
        grid[np.isinf(grid)] = 0
        cells = ((grid + 1) * np.float32(size) - 1) / 2
    # Far outside, and 0/0, is the same as just outside; this also keeps the integers small.
    cells = np.clip(np.nan_to_num(cells, nan=-2.0), -2, size + 1).astype(np.float32)
    low = np.floor(cells).astype(np.int64)
    part = cells - low.astype(np.float32)
    low_weight = np.where((low >= 0) & (low < size), 1 - part, 0).astype(np.float32)
    high_weight = np.where((low >= -1) & (low < size - 1), part, 0).astype(np.float32)
    return low.clip(0, size - 1), (low + 1).clip(0, size - 1), low_weight, high_weight
