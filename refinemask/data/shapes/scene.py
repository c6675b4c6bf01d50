"""Scenes of overlapping shapes, painted with pieces of the two photographs in scikit-learn.

The layout and the paint of a scene have random streams of their own: masks can be had without
painting.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from refinemask.data.shapes.outlines import SHAPE_NAMES, draw_shape
from refinemask.errors import RefineMaskError
from refinemask.inference.opencv import cv2

_LAYOUT, _PAINT = 0, 1
_MAX_SHAPES = 6
_DIAMETERS = (0.18, 0.55)  # of the image's shorter side
_MIN_VISIBLE = 0.5  # of a shape's own pixels, cut by the border or covered by later shapes
_MIN_CONTRAST = 36  # between the mean colours of a shape and what it covers, Euclidean
_ATTEMPTS = 8


@dataclass(frozen=True)
class Shape:
    """One shape of a scene.

    Attributes:
        name: one of `SHAPE_NAMES`.
        coverage: float32 (H, W), the part of each pixel that the whole shape covers.
        visible: bool (H, W), the pixels at least half covered by it and by no later shape.
    """

    name: str
    coverage: NDArray[np.float32]
    visible: NDArray[np.bool_]


def layout(seed: int, index: int, size: tuple[int, int]) -> list[Shape]:
    """Place the shapes of scene `index`, from back to front; at least one.

    Every shape keeps at least half of its pixels visible.
    """
    rng = np.random.default_rng((seed, index, *size, _LAYOUT))
    shapes: list[Shape] = []
    for _ in range(rng.integers(2, _MAX_SHAPES + 1)):
        shape = _place(rng, size)
        if shape is None:
            continue
        behind = [_cover(other, shape.visible) for other in shapes]
        if all(other is not None for other in behind):
            shapes = [other for other in behind if other is not None] + [shape]
    return shapes or [_centred(rng, size)]


def paint(shapes: list[Shape], seed: int, index: int, size: tuple[int, int]) -> NDArray[np.uint8]:
    """Paint the shapes of scene `index` over a background: uint8 RGB (H, W, 3).

    The background is a piece of one photograph, each shape shows a piece of the other.
    """
    rng = np.random.default_rng((seed, index, *size, _PAINT))
    photos = _photos()
    back = int(rng.integers(2))
    image = _texture(photos[back], size, (0.45, 1.0), rng)
    for shape in shapes:
        piece = _contrasting(photos[1 - back], image, shape, rng)
        image += shape.coverage[..., None] * (piece - image)
    return np.round(image).clip(0, 255).astype(np.uint8)


def _place(rng: np.random.Generator, size: tuple[int, int]) -> Shape | None:
    """Draw one shape somewhere; None if the image's border cuts off too much of it."""
    name = str(rng.choice(SHAPE_NAMES))
    diameter = max(int(min(size) * rng.uniform(*_DIAMETERS)), 1)
    drawn = draw_shape(name, diameter, rng)
    top, left = (int(rng.integers(-diameter // 4, side - diameter * 3 // 4)) for side in size)
    shape = _on_canvas(name, drawn, top, left, size)
    whole = np.count_nonzero(drawn >= 0.5)
    return shape if np.count_nonzero(shape.visible) >= _MIN_VISIBLE * whole else None


def _centred(rng: np.random.Generator, size: tuple[int, int]) -> Shape:
    diameter = min(size) // 2
    drawn = draw_shape(SHAPE_NAMES[0], diameter, rng)
    return _on_canvas(
        SHAPE_NAMES[0], drawn, (size[0] - diameter) // 2, (size[1] - diameter) // 2, size
    )


def _on_canvas(
    name: str, drawn: NDArray[np.float32], top: int, left: int, size: tuple[int, int]
) -> Shape:
    coverage = np.zeros(size, np.float32)
    height, width = drawn.shape
    rows = slice(max(top, 0), min(top + height, size[0]))
    columns = slice(max(left, 0), min(left + width, size[1]))
    coverage[rows, columns] = drawn[
        rows.start - top : rows.stop - top, columns.start - left : columns.stop - left
    ]
    return Shape(name, coverage, coverage >= 0.5)


def _cover(shape: Shape, cover: NDArray[np.bool_]) -> Shape | None:
    """Take away the covered pixels; None if too little stays visible."""
    visible = shape.visible & ~cover
    whole = np.count_nonzero(shape.coverage >= 0.5)
    if np.count_nonzero(visible) < _MIN_VISIBLE * whole:
        return None
    return Shape(shape.name, shape.coverage, visible)


def _contrasting(
    photo: NDArray[np.float32],
    image: NDArray[np.float32],
    shape: Shape,
    rng: np.random.Generator,
) -> NDArray[np.float32]:
    """Return a texture (H, W, 3) that stands out from what the shape covers, if one is found."""
    inside = shape.coverage >= 0.5
    covered = image[inside].mean(0)
    rows, columns = np.flatnonzero(inside.any(1)), np.flatnonzero(inside.any(0))
    box = (slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1))
    best, best_contrast = image, -1.0
    for _ in range(_ATTEMPTS):
        piece = _texture(photo, image[box].shape[:2], (0.12, 0.45), rng)
        contrast = float(np.linalg.norm(piece[inside[box]].mean(0) - covered))
        if contrast > best_contrast:
            best, best_contrast = piece, contrast
        if contrast >= _MIN_CONTRAST:
            break
    # Half covered pixels reach one beyond the box: repeat the border there.
    top, left = rows[0], columns[0]
    bottom, right = image.shape[0] - rows[-1] - 1, image.shape[1] - columns[-1] - 1
    return np.pad(best, ((top, bottom), (left, right), (0, 0)), mode="edge")


def _texture(
    photo: NDArray[np.float32],
    size: tuple[int, int],
    extent: tuple[float, float],
    rng: np.random.Generator,
) -> NDArray[np.float32]:
    """Cut a random piece of a photograph, `extent` of its sides, and tint it: (H, W, 3)."""
    height, width = (max(int(side * rng.uniform(*extent)), 8) for side in photo.shape[:2])
    top = int(rng.integers(photo.shape[0] - height + 1))
    left = int(rng.integers(photo.shape[1] - width + 1))
    piece = photo[top : top + height, left : left + width]
    piece = piece[:: rng.choice([-1, 1]), :: rng.choice([-1, 1])][..., rng.permutation(3)]
    resized = cv2.resize(piece, (size[1], size[0]), interpolation=cv2.INTER_LINEAR)
    tinted = resized * rng.uniform(0.6, 1.1, 3) + rng.uniform(-15, 25, 3)
    return tinted.clip(0, 255).astype(np.float32)


@lru_cache(maxsize=1)
def _photos() -> tuple[NDArray[np.float32], ...]:
    try:
        from sklearn.datasets import load_sample_images
    except ImportError as error:
        raise RefineMaskError(
            "the shapes dataset takes its textures from scikit-learn's photographs; "
            "install it: pip install 'refinemask[train]'"
        ) from error
    return tuple(photo.astype(np.float32) for photo in load_sample_images().images)
