"""Build the content of a COCO detection file from annotations of other formats."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from refinemask.errors import RefineMaskError
from refinemask.inference.rle import encode_rle


def outlined(polygons: Sequence[NDArray[np.float64]]) -> dict[str, Any]:
    """Return the box, area and segmentation of an instance that polygons outline.

    Args:
        polygons: float64 arrays x1, y1, x2, y2, ... in pixels; their areas are added up.
    """
    points = np.concatenate([xy.reshape(-1, 2) for xy in polygons])
    low, high = points.min(0), points.max(0)
    return {
        "bbox": [*low.tolist(), *(high - low).tolist()],
        "area": float(sum(map(_polygon_area, polygons))),
        "segmentation": list(polygons),
    }


def boxed(x: float, y: float, width: float, height: float) -> dict[str, Any]:
    """Return the box, area and empty segmentation of an instance of which only a box is known."""
    return {"bbox": [x, y, width, height], "area": width * height, "segmentation": []}


def painted(bitmap: NDArray[np.uint8]) -> dict[str, Any]:
    """Return the box, area and segmentation of an instance given pixel by pixel.

    Args:
        bitmap: uint8 0/1 (H, W), on the grid of the whole image.
    """
    rows, columns = np.flatnonzero(bitmap.any(1)), np.flatnonzero(bitmap.any(0))
    box = [0, 0, 0, 0]
    if len(rows):
        box = [columns[0], rows[0], columns[-1] - columns[0] + 1, rows[-1] - rows[0] + 1]
    return {
        "bbox": [float(side) for side in box],
        "area": float(np.count_nonzero(bitmap)),
        "segmentation": encode_rle(bitmap.astype(bool)),
    }


def common_folder(images: Sequence[Path]) -> tuple[Path, list[str]]:
    """Return the deepest folder that holds all images, and their paths in it, with slashes."""
    paths = [Path(os.path.normpath(path.absolute())) for path in images]
    folder = Path(os.path.commonpath([path.parent for path in paths]))
    return folder, [path.relative_to(folder).as_posix() for path in paths]


def read_text(path: Path, most_bytes: int, kind: str) -> str:
    """Read a UTF-8 text file that may not be larger than `most_bytes`.

    Args:
        path: the file.
        most_bytes: its largest size.
        kind: what it should be, for messages, as in "a data.yaml".

    Raises:
        RefineMaskError: it is not a regular file, too large, not readable or not UTF-8.
    """
    if not path.is_file():
        raise RefineMaskError(f"{path} is not a file; {kind} is expected")
    try:
        size = path.stat().st_size
        if size > most_bytes:
            raise RefineMaskError(
                f"{path} has {size} bytes, more than the {most_bytes} that {kind} may have"
            )
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise RefineMaskError(
            f"cannot read {path}: {error.strerror or error}; {kind} is expected"
        ) from error
    except UnicodeDecodeError as error:
        raise RefineMaskError(f"{path} is not UTF-8 text; {kind} is expected") from error


def _polygon_area(xy: NDArray[np.float64]) -> float:
    x, y = xy.reshape(-1, 2).T
    return abs(float(x @ np.roll(y, -1) - y @ np.roll(x, -1))) / 2
