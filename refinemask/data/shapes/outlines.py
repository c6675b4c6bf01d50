"""Outlines with thin and concave parts: stars, rings, spirals and letters, exact to the pixel."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from refinemask.inference.opencv import cv2

_SUPERSAMPLING = 4
_FRACTION_BITS = 4

Curves = list[NDArray[np.float64]]
"""Curves as (P, 2) points x, y in a square from -1 to 1."""

# Strokes in a unit square, y down.
_LETTERS: dict[str, list[list[tuple[float, float]]]] = {
    "A": [[(0, 1), (0.5, 0), (1, 1)], [(0.22, 0.6), (0.78, 0.6)]],
    "E": [[(1, 0), (0, 0), (0, 1), (1, 1)], [(0, 0.5), (0.8, 0.5)]],
    "F": [[(1, 0), (0, 0), (0, 1)], [(0, 0.5), (0.8, 0.5)]],
    "H": [[(0, 0), (0, 1)], [(1, 0), (1, 1)], [(0, 0.5), (1, 0.5)]],
    "K": [[(0, 0), (0, 1)], [(1, 0), (0, 0.55)], [(0.25, 0.42), (1, 1)]],
    "L": [[(0, 0), (0, 1), (1, 1)]],
    "M": [[(0, 1), (0, 0), (0.5, 0.6), (1, 0), (1, 1)]],
    "N": [[(0, 1), (0, 0), (1, 1), (1, 0)]],
    "T": [[(0, 0), (1, 0)], [(0.5, 0), (0.5, 1)]],
    "W": [[(0, 0), (0.25, 1), (0.5, 0.35), (0.75, 1), (1, 0)]],
    "X": [[(0, 0), (1, 1)], [(1, 0), (0, 1)]],
    "Y": [[(0, 0), (0.5, 0.5), (1, 0)], [(0.5, 0.5), (0.5, 1)]],
    "Z": [[(0, 0), (1, 0), (0, 1), (1, 1)]],
}


def draw_shape(name: str, diameter: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """Draw one shape of random form and rotation.

    Args:
        name: one of `SHAPE_NAMES`.
        diameter: side of the square that it fills, in pixels.
        rng: decides everything else.

    Returns:
        float32 (diameter, diameter): the covered part of each pixel, 0 to 1 in steps of 1/16.
    """
    curves, thickness = _SHAPES[name](rng)
    side = diameter * _SUPERSAMPLING
    # Round stroke ends reach beyond the curve by half the thickness.
    radius = side / 2 / (1 + thickness / 2)
    points = [
        np.round((curve * radius + side / 2) * 2**_FRACTION_BITS).astype(np.int32)
        for curve in curves
    ]
    canvas = np.zeros((side, side), np.uint8)
    if thickness:
        pixels = max(round(thickness * radius), 2 * _SUPERSAMPLING)
        cv2.polylines(canvas, points, False, 1, pixels, cv2.LINE_8, _FRACTION_BITS)
    else:
        cv2.fillPoly(canvas, points, 1, cv2.LINE_8, _FRACTION_BITS)
    blocks = canvas.reshape(diameter, _SUPERSAMPLING, diameter, _SUPERSAMPLING)
    return blocks.mean((1, 3), dtype=np.float32)


def _star(rng: np.random.Generator) -> tuple[Curves, float]:
    tips = int(rng.integers(5, 9))
    angles = np.arange(2 * tips) * np.pi / tips + rng.uniform(0, 2 * np.pi)
    radii = np.where(np.arange(2 * tips) % 2, rng.uniform(0.28, 0.5), 1)
    return [_polar(radii, angles)], 0


def _ring(rng: np.random.Generator) -> tuple[Curves, float]:
    angles = np.linspace(0, 2 * np.pi, 96, endpoint=False)
    outer = _polar(np.ones(96), angles) * (1, rng.uniform(0.6, 1))
    inner = outer * rng.uniform(0.6, 0.86)
    turn = rng.uniform(0, np.pi)
    return [_rotate(outer, turn), _rotate(inner, turn)], 0


def _spiral(rng: np.random.Generator) -> tuple[Curves, float]:
    turns = rng.uniform(1.75, 3)
    progress = np.linspace(0, 1, 160)
    direction = rng.choice([-1, 1])
    angles = rng.uniform(0, 2 * np.pi) + direction * 2 * np.pi * turns * progress
    return [_polar(0.12 + 0.88 * progress, angles)], rng.uniform(0.3, 0.5) / turns


def _letter(rng: np.random.Generator) -> tuple[Curves, float]:
    strokes = _LETTERS[str(rng.choice(sorted(_LETTERS)))]
    aspect = rng.uniform(0.6, 1)
    # A letter's corners lie on the unit circle, whatever its aspect and rotation.
    scale = np.array([aspect, 1]) * 2 / np.hypot(aspect, 1)
    turn = rng.uniform(-0.5, 0.5)
    curves = [_rotate((np.array(stroke) - 0.5) * scale, turn) for stroke in strokes]
    return curves, rng.uniform(0.12, 0.26)


_SHAPES: dict[str, Callable[[np.random.Generator], tuple[Curves, float]]] = {
    "star": _star,
    "ring": _ring,
    "spiral": _spiral,
    "letter": _letter,
}
"""Each returns its curves and the thickness of its strokes, 0 for a filled outline."""

SHAPE_NAMES = tuple(_SHAPES)


def _polar(radii: NDArray[np.float64], angles: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.stack([radii * np.cos(angles), radii * np.sin(angles)], axis=1)


def _rotate(points: NDArray[np.float64], angle: float) -> NDArray[np.float64]:
    cos, sin = np.cos(angle), np.sin(angle)
    return points @ np.array([[cos, sin], [-sin, cos]])
