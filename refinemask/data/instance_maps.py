"""The instance maps of Cityscapes: 16-bit images whose values name class and instance."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from refinemask.errors import RefineMaskError
from refinemask.inference.image_headers import is_whole_png, read_header
from refinemask.inference.images import read_file
from refinemask.inference.opencv import cv2
from refinemask.inference.pixel_limit import size_problem

FIRST_INSTANCE = 1000
"""Values from here on are instances, 1000 * class + number; those below are classes alone."""
_LAST_LABEL = 33
"""The highest id of a class of Cityscapes, evaluated or not."""


def read_instance_map(path: Path) -> NDArray[np.uint16]:
    """Read an instance map: uint16 (H, W).

    Raises:
        RefineMaskError: it is not a whole 16-bit grey PNG in a regular file, too large, or has a
            value that stands for nothing.
    """
    data = read_file(path)
    problem = _problem(data)
    try:
        encoded = np.frombuffer(data, np.uint8)
        found = None if problem else cv2.imdecode(encoded, cv2.IMREAD_UNCHANGED)
    except cv2.error as error:
        problem = f"cannot be decoded ({error.err})"
    if problem is None and (found is None or found.ndim != 2 or found.dtype != np.uint16):
        problem = "is not a 16-bit grey PNG"
    if problem:
        raise RefineMaskError(
            f"{path} is not an instance map of Cityscapes: it {problem}; unpack gtFine again"
        )
    instance_map: NDArray[np.uint16] = found.astype(np.uint16, copy=False)  # type: ignore[union-attr]
    unknown = [v for v in values_present(instance_map) if category_of(v) > _LAST_LABEL]
    if unknown:
        raise RefineMaskError(
            f"{path} is not an instance map of Cityscapes: its value {unknown[0]} stands for no "
            f"class (0 to {_LAST_LABEL}, or 1000 times a class and a number); unpack gtFine again"
        )
    return instance_map


def _problem(data: bytes) -> str | None:
    """Return what speaks against decoding a file as a PNG."""
    header = read_header(data)
    if header is None or header.format != "PNG":
        return "is not a PNG"
    if not is_whole_png(data):
        return "is truncated"
    return size_problem(header.height, header.width)


def values_present(instance_map: NDArray[np.uint16]) -> list[int]:
    """Return the values of a map in ascending order."""
    values: list[int] = np.flatnonzero(np.bincount(instance_map.ravel())).tolist()
    return values


def category_of(value: int) -> int:
    """Return the id of the class that a value of a map belongs to."""
    return value // 1000 if value >= FIRST_INSTANCE else value
