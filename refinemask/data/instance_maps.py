"""The instance maps of Cityscapes: 16-bit images whose values name class and instance."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from refinemask.errors import RefineMaskError
from refinemask.inference.opencv import cv2
from refinemask.inference.pixel_limit import size_problem

FIRST_INSTANCE = 1000
"""Values from here on are instances, 1000 * class + number; those below are classes alone."""
_LAST_LABEL = 33
"""The highest id of a class of Cityscapes, evaluated or not."""


def read_instance_map(path: Path) -> NDArray[np.uint16]:
    """Read an instance map: uint16 (H, W).

    Raises:
        RefineMaskError: it is not a 16-bit grey PNG, too large, or has a value that stands for
            nothing.
    """
    problem = _header_problem(path)
    try:
        found = None if problem else cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
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


def _header_problem(path: Path) -> str | None:
    """Return what the first bytes say against decoding a PNG."""
    try:
        with path.open("rb") as file:
            header = file.read(24)
    except OSError as error:
        return f"cannot be read ({error.strerror or error})"
    if len(header) < 24 or not header.startswith(b"\x89PNG\r\n\x1a\n"):
        return "is not a PNG"
    return size_problem(int.from_bytes(header[20:24], "big"), int.from_bytes(header[16:20], "big"))


def values_present(instance_map: NDArray[np.uint16]) -> list[int]:
    """Return the values of a map in ascending order."""
    values: list[int] = np.flatnonzero(np.bincount(instance_map.ravel())).tolist()
    return values


def category_of(value: int) -> int:
    """Return the id of the class that a value of a map belongs to."""
    return value // 1000 if value >= FIRST_INSTANCE else value
