"""Draw detections on photographs: translucent masks, crisp outlines, class and score.

NumPy and OpenCV only.
"""

import colorsys
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from refinemask.inference.opencv import cv2
from refinemask.inference.pasting import paste_mask
from refinemask.inference.runs import cut_out
from refinemask.inference.structures import Detections
from refinemask.printable import one_line

Image = NDArray[np.uint8]
Colour = tuple[int, int, int]
Rectangle = tuple[int, int, int, int]
"""Left, top, right, bottom; the last two are exclusive."""

_LONGEST_NAME = 100
"""Characters of a class name that are drawn."""
READABLE_SIDE = 800
"""Smaller images are enlarged to at least this longer side, in pixels."""


def draw(
    image: Image,
    detections: Detections,
    class_names: Sequence[str],
    score_threshold: float = 0.5,
    *,
    scale: int | None = None,
    fill: float = 0.4,
    line_width: float | None = None,
    labels: bool = True,
    track_ids: Sequence[int] | None = None,
) -> Image:
    """Draw the detections of one image.

    Args:
        image: uint8 RGB (H, W, 3).
        detections: masks in any format; "probs" gives outlines finer than a pixel.
        class_names: name of each label.
        score_threshold: detections with lower scores are not drawn.
        scale: how many times larger the picture is than the image; None enlarges small images.
        fill: opacity of the masks, 0 to 1.
        line_width: width of the outlines in pixels of the picture; None suits its size.
        labels: whether to write class and score.
        track_ids: of each detection, negative for none; a track keeps its colour, and its id is
            written before the class.

    Returns:
        uint8 RGB (H * scale, W * scale, 3).
    """
    scale = scale or -(-READABLE_SIDE // max(image.shape[:2]))
    size = (image.shape[1] * scale, image.shape[0] * scale)
    picture = image.copy() if scale == 1 else cv2.resize(image, size, interpolation=cv2.INTER_CUBIC)
    picture = np.ascontiguousarray(picture, np.uint8)
    width = line_width or max(2.5, max(size) / 400)
    shown = np.flatnonzero(detections.scores >= score_threshold).tolist()
    extents = detections.boxes[:, 2:] - detections.boxes[:, :2]
    for index in sorted(shown, key=lambda index: -float(extents[index].prod())):
        colour = _colour(index, track_ids)
        _draw_mask(picture, detections, index, scale, fill, width, colour)
    if labels:
        taken: list[Rectangle] = []
        for index in shown:
            name = one_line(class_names[detections.labels[index]])[:_LONGEST_NAME]
            text = f"{name} {detections.scores[index]:.2f}"
            if track_ids is not None and track_ids[index] >= 0:
                text = f"#{track_ids[index]} {text}"
            box = detections.boxes[index] * scale
            taken.append(_draw_tag(picture, text, box, _colour(index, track_ids), taken))
    return picture


def zoom(image: Image, box: Sequence[float], factor: int = 1) -> Image:
    """Cut `box` (xyxy in pixels, clipped to the image) out and enlarge it `factor` times.

    The cut-out has at least one pixel.
    """
    height, width = image.shape[:2]
    left = min(max(int(np.floor(box[0])), 0), width - 1)
    top = min(max(int(np.floor(box[1])), 0), height - 1)
    right = min(max(int(np.ceil(box[2])), left + 1), width)
    bottom = min(max(int(np.ceil(box[3])), top + 1), height)
    size = ((right - left) * factor, (bottom - top) * factor)
    return _resize(image[top:bottom, left:right], size)


def instance_colour(index: int) -> Colour:
    """Return a bright RGB colour that differs from those of the neighbouring indices."""
    # Steps of the golden angle keep any number of consecutive hues apart.
    hue = (0.58 + index * 0.618034) % 1
    red, green, blue = colorsys.hsv_to_rgb(hue, (0.85, 0.65)[index // 5 % 2], 1.0)
    return round(255 * red), round(255 * green), round(255 * blue)


def _colour(index: int, track_ids: Sequence[int] | None) -> Colour:
    if track_ids is not None and track_ids[index] >= 0:
        index = track_ids[index]
    return instance_colour(index)


def _draw_mask(
    picture: Image,
    detections: Detections,
    index: int,
    scale: int,
    fill: float,
    width: float,
    colour: Colour,
) -> None:
    found = _fine_mask(detections, index, scale)
    if found is None:
        return
    mask, (left, top), fineness = found
    # The outline lies inside the mask, so that its outer edge is exactly the mask's.
    depth = cv2.distanceTransform(mask, cv2.DIST_L2, cv2.DIST_MASK_5)
    opacity = np.where(depth > width * fineness, np.float32(fill), np.float32(1)) * mask
    height, length = mask.shape[0] // fineness, mask.shape[1] // fineness
    coverage = cv2.resize(opacity, (length, height), interpolation=cv2.INTER_AREA)[..., None]
    part = picture[top : top + height, left : left + length]
    part[:] = np.rint(part + coverage * (np.array(colour, np.float32) - part))


def _fine_mask(
    detections: Detections, index: int, scale: int
) -> tuple[Image, tuple[int, int], int] | None:
    """Return a mask (0 or 1) cut to its extent and finer than the picture.

    Returns:
        the mask, its (left, top) in pixels of the picture, and how many of its pixels make one of
        the picture; None for an empty mask.
    """
    height, width = detections.image_size
    entry: Any = detections.masks[index]
    probs = entry if isinstance(entry, np.ndarray) and entry.dtype != bool else None
    if isinstance(entry, np.ndarray):
        if probs is not None:
            x1, y1, x2, y2 = (int(value) for value in np.rint(detections.boxes[index]))
        else:
            x1, y1, length, breadth = cv2.boundingRect(entry.astype(np.uint8))
            x2, y2 = x1 + length, y1 + breadth
        left, top = max(x1 - 2, 0), max(y1 - 2, 0)
        right, bottom = min(x2 + 2, width), min(y2 + 2, height)
        bitmap = entry[top:bottom, left:right]
    else:
        bitmap, left, top = cut_out(entry, margin=2)
        right, bottom = left + bitmap.shape[1], top + bitmap.shape[0]
    if left >= right or top >= bottom:
        return None
    longest = max(right - left, bottom - top) * scale
    fineness = next((step for step in (4, 2) if longest * step <= 4096), 1)
    factor = scale * fineness
    size = ((right - left) * factor, (bottom - top) * factor)
    if probs is not None:
        corner = np.array([left, top, left, top], np.float32)
        mask = paste_mask(probs, (detections.boxes[index] - corner) * factor, size[1], size[0])
    else:
        cut = bitmap.astype(np.float32)
        mask = cv2.resize(cut, size, interpolation=cv2.INTER_LINEAR) >= 0.5
    return mask.astype(np.uint8), (left * scale, top * scale), fineness


def _draw_tag(
    picture: Image, text: str, box: NDArray[np.float32], colour: Colour, taken: list[Rectangle]
) -> Rectangle:
    """Write `text` on a filled tag near the box's top left corner; return the tag's rectangle."""
    height, width = picture.shape[:2]
    text_size = max(max(height, width) / 2400, 0.45)
    thickness = max(round(text_size * 1.6), 1)
    text_width, ascent, descent = _text_extent(text, text_size, thickness)
    margin = max(round(4 * text_size), 2)
    tag_width, tag_height = text_width + 2 * margin, ascent + descent + margin
    candidates = []
    for top in (box[1] - tag_height, box[1], box[3] - tag_height, box[3]):
        x = int(min(max(box[0], 0), max(width - tag_width, 0)))
        y = int(min(max(top, 0), max(height - tag_height, 0)))
        candidates.append((x, y, min(x + tag_width, width), min(y + tag_height, height)))
    free = (one for one in candidates if not any(_overlap(one, other) for other in taken))
    tag = next(free, candidates[0])
    picture[tag[1] : tag[3], tag[0] : tag[2]] = colour
    luminance = float(np.dot(colour, (0.299, 0.587, 0.114)))
    ink: Colour = (0, 0, 0) if luminance > 110 else (255, 255, 255)
    origin = (tag[0] + margin, tag[1] + ascent + margin // 2)
    _write(picture, text, origin, ink, text_size, thickness)
    return tag


def _overlap(a: Rectangle, b: Rectangle) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def _text_extent(text: str, size: float, thickness: int) -> tuple[int, int, int]:
    """Return the width of `text`, and the height of any text above and below its base line."""
    font = cv2.FONT_HERSHEY_SIMPLEX
    (width, _), _ = cv2.getTextSize(text, font, size, thickness)
    (_, ascent), descent = cv2.getTextSize("Ag", font, size, thickness)
    return width, ascent, descent


def _write(
    picture: Image, text: str, origin: tuple[int, int], ink: Colour, size: float, thickness: int
) -> None:
    cv2.putText(picture, text, origin, cv2.FONT_HERSHEY_SIMPLEX, size, ink, thickness, cv2.LINE_AA)


def _resize(image: Image, size: tuple[int, int]) -> Image:
    if (image.shape[1], image.shape[0]) == size:
        return image.copy()
    enlarging = size[0] >= image.shape[1]
    method = cv2.INTER_CUBIC if enlarging else cv2.INTER_AREA
    return cv2.resize(image, size, interpolation=method).astype(np.uint8)
