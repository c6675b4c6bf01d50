"""The instance maps of Cityscapes: 16-bit images whose values name class and instance."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from refinemask.errors import RefineMaskError
from refinemask.inference.images import decode_png, read_file
from refinemask.inference.rle import rle_from_edges

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
    try:
        found = decode_png(read_file(path))
        if found.ndim != 2 or found.dtype != np.uint16:
            raise ValueError("is not a 16-bit grey PNG")
    except ValueError as error:
        raise RefineMaskError(
            f"{path} is not an instance map of Cityscapes: it {error}; unpack gtFine again"
        ) from error
    instance_map: NDArray[np.uint16] = found.astype(np.uint16, copy=False)
    unknown = [v for v in values_present(instance_map) if category_of(v) > _LAST_LABEL]
    if unknown:
        raise RefineMaskError(
            f"{path} is not an instance map of Cityscapes: its value {unknown[0]} stands for no "
            f"class (0 to {_LAST_LABEL}, or 1000 times a class and a number); unpack gtFine again"
        )
    return instance_map


def values_present(instance_map: NDArray[np.uint16]) -> list[int]:
    """Return the values of a map in ascending order."""
    values: list[int] = np.flatnonzero(np.bincount(instance_map.ravel())).tolist()
    return values


def category_of(value: int) -> int:
    """Return the id of the class that a value of a map belongs to."""
    return value // 1000 if value >= FIRST_INSTANCE else value


def annotated_regions(
    instance_map: NDArray[np.uint16], values: Sequence[int]
) -> Iterator[dict[str, Any]]:
    """Yield the region of each of some values of a map as an annotation in COCO's form.

    Its mask is a run-length encoding; values that stand for a group are crowds. Nothing is drawn:
    the pixels of all regions are sorted once.
    """
    height, width = instance_map.shape
    wanted = np.zeros(1 << 16, bool)
    wanted[list(values)] = True
    columns = instance_map.T.ravel()
    pixels = np.flatnonzero(wanted[columns])
    # By value, and in column-major order within each.
    pixels = pixels[np.argsort(columns[pixels], kind="stable")]
    for region in np.split(pixels, np.flatnonzero(np.diff(columns[pixels])) + 1):
        if not len(region):
            continue
        value = int(columns[region[0]])
        x, y = np.divmod(region, height)
        box = (x.min(), y.min(), np.ptp(x) + 1, np.ptp(y) + 1)
        ends = np.flatnonzero(np.diff(region, append=-1) != 1)
        starts = np.concatenate([[0], ends[:-1] + 1])
        edges = np.stack([region[starts], region[ends] + 1], 1).ravel()
        yield {
            "category_id": category_of(value),
            "iscrowd": int(value < FIRST_INSTANCE),
            "area": len(region),
            "bbox": [int(side) for side in box],
            "segmentation": rle_from_edges(edges, height, width),
        }
