"""Images before the network, and its raw outputs after it (NumPy and OpenCV only)."""

from dataclasses import dataclass, replace
from typing import get_args

import numpy as np
from numpy.typing import NDArray

from refinemask.errors import RefineMaskError
from refinemask.inference import native
from refinemask.inference.opencv import cv2
from refinemask.inference.pasting import paste_masks, rle_masks
from refinemask.inference.sizes import DIVISOR, padded_side, resized_size
from refinemask.inference.structures import Detections, MaskFormat, RawArrays


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


def prepare(
    image: NDArray[np.uint8],
    short_side: int,
    long_side: int,
    divisor: int = DIVISOR,
    canvas: tuple[int | None, int | None] = (None, None),
) -> Prepared:
    """Resize with OpenCV's INTER_LINEAR and pad to multiples of `divisor` (numerics 1).

    Args:
        image: uint8 RGB (H, W, 3).
        short_side: target length of the shorter side in pixels.
        long_side: upper bound of the longer side in pixels.
        divisor: the padded height and width are multiples of it.
        canvas: padded (height, width) where those of the network are fixed; the image is resized to
            fit.

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
    padded = (
        canvas[0] or padded_side(new_height, divisor),
        canvas[1] or padded_side(new_width, divisor),
    )
    kernels = native.kernels()
    if kernels is not None:
        filled = kernels.prepare(image, padded, short_side, long_side, divisor, canvas)
    else:
        filled = np.zeros((*padded, 3), np.uint8)
        filled[:new_height, :new_width] = resize(image, new_height, new_width)
    factors = [new_width / width, new_height / height] * 2
    return Prepared(filled, (new_height, new_width), np.array(factors, np.float32), (height, width))


def resize(image: NDArray[np.uint8], height: int, width: int) -> NDArray[np.uint8]:
    """Resize an image with OpenCV's INTER_LINEAR (numerics 1.1).

    Compiled code does it where it was built (`native`), with the same results.

    Args:
        image: uint8 (H, W, 3), or (H, W), with at least one pixel.
        height: of the result, in pixels.
        width: likewise.
    """
    kernels = native.kernels()
    if kernels is not None:
        return kernels.resize(image, height, width)
    resized = cv2.resize(image, (width, height), interpolation=cv2.INTER_LINEAR)
    return resized.astype(np.uint8, copy=False)


def of_image(outputs: RawArrays, index: int) -> RawArrays:
    """Return the detections of one image of a batch."""
    chosen = outputs.image_index == index
    return outputs.map(lambda values: values[chosen])


def postprocess(
    outputs: RawArrays,
    prepared: Prepared,
    masks: MaskFormat = "bitmap",
    score_threshold: float = 0.0,
    max_detections: int | None = None,
) -> Detections:
    """Convert the raw outputs for one image to detections in the original image (numerics 5, 9).

    Args:
        outputs: what the network returned for a batch of this one image.
        prepared: what `prepare` returned for the image.
        masks: "bitmap", "rle" or "probs", see `Detections`.
        score_threshold: detections with lower scores are left out.
        max_detections: keep this many of the highest scores; None keeps all.

    Raises:
        RefineMaskError: `masks` is unknown, or `max_detections` is negative.
    """
    if max_detections is not None and max_detections < 0:
        raise RefineMaskError(f"max_detections must be >= 0, got {max_detections}")
    indices = np.flatnonzero(outputs.scores >= score_threshold)[:max_detections]
    kept = outputs.map(lambda values: values[indices])
    probs = np.asarray(kept.masks, np.float32)
    found = Detections(
        np.asarray(kept.boxes / prepared.scale_factor, np.float32),
        np.asarray(kept.scores, np.float32),
        np.asarray(kept.labels, np.int64),
        probs,
        prepared.original_size,
    )
    return with_masks(found, masks)


def with_masks(found: Detections, masks: MaskFormat) -> Detections:
    """Return detections whose masks are probabilities with masks in another format.

    Raises:
        RefineMaskError: there is no such format.
    """
    if masks not in get_args(MaskFormat):
        raise RefineMaskError(
            f"unknown mask format {masks!r}; choose one of {', '.join(get_args(MaskFormat))}"
        )
    if masks == "rle":
        return replace(found, masks=rle_masks(found))
    if masks == "bitmap":
        assert not isinstance(found.masks, list)
        probs = found.masks.astype(np.float32, copy=False)
        return replace(found, masks=paste_masks(probs, found.boxes, *found.image_size))
    return found
