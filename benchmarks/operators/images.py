"""Resizing and preparing images against OpenCV, for networks of 800 × 1333 and 384 × 512 pixels."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from refinemask.benchmarks.operators.case import Case
from refinemask.inference import native
from refinemask.inference.opencv import cv2
from refinemask.inference.sizes import DIVISOR, padded_side, resized_size

SHORT_SIDE, LONG_SIDE = 800, 1333


def image_cases(rng: np.random.Generator) -> Iterator[Case]:
    """Photographs of ordinary sizes, larger and smaller than what networks take."""
    path = native.require("runtime", "measuring how images are resized")
    kernels = native.Kernels(native.load("runtime", path))
    for size, new in (
        ((3000, 4000), (1000, 1333)),
        ((1080, 1920), (750, 1333)),
        ((1600, 2666), (800, 1333)),
        ((480, 640), (800, 1067)),
        ((480, 640), (384, 512)),
    ):
        yield _resize_case(kernels, rng.integers(0, 256, (*size, 3), np.uint8), *new)
    for size in ((3000, 4000), (480, 640)):
        yield _prepare_case(kernels, rng.integers(0, 256, (*size, 3), np.uint8))


def _resize_case(
    kernels: native.Kernels, image: NDArray[np.uint8], height: int, width: int
) -> Case:
    return Case(
        name=f"resizing an image, {_describe(image)} to {height}×{width}",
        target=1.0,
        bytes=image.nbytes + height * width * 3,
        ours=lambda: kernels.resize(image, height, width),
        baselines={"opencv": lambda: cv2.resize(image, (width, height))},
        agree=np.array_equal,
    )


def _prepare_case(kernels: native.Kernels, image: NDArray[np.uint8]) -> Case:
    height, width = resized_size(image.shape[0], image.shape[1], SHORT_SIDE, LONG_SIDE)
    padded = padded_side(height), padded_side(width)
    sides = SHORT_SIDE, LONG_SIDE, DIVISOR

    def with_opencv() -> NDArray[np.uint8]:
        filled = np.zeros((*padded, 3), np.uint8)
        filled[:height, :width] = cv2.resize(image, (width, height))
        return filled

    return Case(
        name=f"preparing an image, {_describe(image)} for {SHORT_SIDE} and {LONG_SIDE}",
        target=1.0,
        bytes=image.nbytes + padded[0] * padded[1] * 3,
        ours=lambda: kernels.prepare(image, padded, *sides, (None, None)),
        baselines={"opencv": with_opencv},
        agree=np.array_equal,
    )


def _describe(image: NDArray[np.uint8]) -> str:
    return f"{image.shape[0]}×{image.shape[1]}"
