"""What happens to an image before the network and to its detections after it.

NumPy and OpenCV only: the model and every engine share this module. Masks are pasted by compiled
code where it was built (`native`), with the same results.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import get_args

import cv2
import numpy as np
from numpy.typing import NDArray

from refinemask.errors import RefineMaskError
from refinemask.inference import native
from refinemask.inference.images import IMAGE_SUFFIXES, list_images, load_image
from refinemask.inference.rle import column_edges, decode_rle, encode_rle, rle_from_edges
from refinemask.inference.structures import Detections, MaskFormat, RawArrays, Rle

__all__ = [
    "IMAGE_SUFFIXES",
    "Prepared",
    "decode_rle",
    "encode_rle",
    "list_images",
    "load_image",
    "paste_mask",
    "paste_masks",
    "paste_rle",
    "postprocess",
    "prepare",
    "resized_size",
]


@dataclass(frozen=True)
class Prepared:
    """One image as the network takes it.

    Attributes:
        image: uint8 RGB (Hp, Wp, 3), resized, then padded with zeros at the bottom and the right.
        size: (height, width) of the resized image without the padding.
        scale_factor: float32 (4,), resized over original length: x, y, x, y.
        original_size: (height, width) of the image as given.
    """

    image: NDArray[np.uint8]
    size: tuple[int, int]
    scale_factor: NDArray[np.float32]
    original_size: tuple[int, int]


def resized_size(
    height: int,
    width: int,
    short_side: int,
    long_side: int,
    canvas: tuple[int | None, int | None] = (None, None),
) -> tuple[int, int]:
    """Return the largest (height, width), at least 1, within both sides and `canvas` (SPEC 3.1)."""
    scale = min(
        long_side / max(height, width),
        short_side / min(height, width),
        (canvas[0] or np.inf) / height,
        (canvas[1] or np.inf) / width,
    )
    return max(int(height * scale + 0.5), 1), max(int(width * scale + 0.5), 1)


def prepare(
    image: NDArray[np.uint8],
    short_side: int,
    long_side: int,
    divisor: int = 32,
    canvas: tuple[int | None, int | None] = (None, None),
) -> Prepared:
    """Resize with OpenCV's INTER_LINEAR and pad to multiples of `divisor` (SPEC 3.1).

    Args:
        image: uint8 RGB (H, W, 3).
        short_side: wanted length of the shorter side in pixels.
        long_side: upper bound of the longer side in pixels.
        divisor: the padded height and width are multiples of it.
        canvas: padded (height, width) where a network's are fixed; the image is made to fit inside.

    Raises:
        RefineMaskError: `image` is not a uint8 array of shape (H, W, 3) with at least one pixel.
    """
    image = np.asarray(image)
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or image.size == 0:
        raise RefineMaskError(
            "an image must be a uint8 RGB array of shape (height, width, 3), "
            f"got {image.dtype} {image.shape}; read files with refinemask.load_image"
        )
    height, width = image.shape[:2]
    new_height, new_width = resized_size(height, width, short_side, long_side, canvas)
    padded_height = canvas[0] or -(-new_height // divisor) * divisor
    padded_width = canvas[1] or -(-new_width // divisor) * divisor
    padded = np.zeros((padded_height, padded_width, 3), np.uint8)
    padded[:new_height, :new_width] = cv2.resize(
        image, (new_width, new_height), interpolation=cv2.INTER_LINEAR
    )
    factors = [new_width / width, new_height / height] * 2
    return Prepared(padded, (new_height, new_width), np.array(factors, np.float32), (height, width))


def postprocess(
    outputs: RawArrays,
    prepared: Prepared,
    masks: MaskFormat = "bitmap",
    score_threshold: float = 0.0,
    max_detections: int | None = None,
) -> Detections:
    """Bring the network's detections of one image back to the original image (SPEC 3.5, 3.9).

    Args:
        outputs: what the network returned for a batch of this image alone.
        prepared: what `prepare` returned for the image.
        masks: "bitmap", "rle" or "probs", see `Detections`.
        score_threshold: detections with lower scores are left out.
        max_detections: keep this many of the highest scores; None keeps all.

    Raises:
        RefineMaskError: `masks` is unknown, or `max_detections` is negative.
    """
    if masks not in get_args(MaskFormat):
        raise RefineMaskError(
            f"unknown mask format {masks!r}; choose one of {', '.join(get_args(MaskFormat))}"
        )
    if max_detections is not None and max_detections < 0:
        raise RefineMaskError(f"max_detections must be >= 0, got {max_detections}")
    indices = np.flatnonzero(outputs.scores >= score_threshold)[:max_detections]
    kept = outputs.map(lambda values: values[indices])
    boxes = np.asarray(kept.boxes / prepared.scale_factor, np.float32)
    probs = np.asarray(kept.masks, np.float32)
    height, width = prepared.original_size
    converted: NDArray[np.bool_] | NDArray[np.float32] | list[Rle]
    if masks == "rle":
        converted = [
            paste_rle(prob, box, height, width) for prob, box in zip(probs, boxes, strict=True)
        ]
    elif masks == "bitmap":
        converted = paste_masks(probs, boxes, height, width)
    else:
        converted = probs
    return Detections(
        boxes,
        np.asarray(kept.scores, np.float32),
        np.asarray(kept.labels, np.int64),
        converted,
        prepared.original_size,
    )


def paste_mask(
    probs: NDArray[np.float32], box: NDArray[np.float32], height: int, width: int
) -> NDArray[np.bool_]:
    """Resample a mask from its box into the image and threshold it (SPEC 3.9).

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
    """Return the run-length encoding of `paste_mask`, with no memory of the image's size."""
    kernels = native.kernels()
    if kernels is not None:
        return rle_from_edges(kernels.paste_edges(probs, box, height, width), height, width)
    edges = [
        column_edges(columns, left, top, height)
        for left, top, columns in _pasted_strips(probs, box, height, width)
    ]
    return rle_from_edges(np.concatenate([np.zeros(0, np.int64), *edges]), height, width)


_STRIP_PIXELS = 1 << 18
"""Pixels resampled at a time: bounds the memory, and keeps the work in the processor's cache."""


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
    the official code replaces by 0, the mask's centre (SPEC 3.9).
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
