"""Masks as runs of pixels, which are compared and moved without bitmaps (NumPy only).

Runs are int64 (R, 2), the start and end (exclusive) of each in column-major pixel indices of the
image, in ascending order; none goes on into the next column.
"""

import numpy as np
from numpy.typing import NDArray

from refinemask.inference.rle import rle_from_edges, run_lengths
from refinemask.inference.structures import Rle

Runs = NDArray[np.int64]


def runs_of(rle: Rle) -> Runs:
    """Return the runs of a mask.

    Raises:
        RefineMaskError: as `rle.run_lengths`.
    """
    height, _ = rle["size"]
    bounds = np.cumsum(run_lengths(rle))
    starts, ends = bounds[0:-1:2], bounds[1::2]
    starts, ends = starts[starts < ends], ends[starts < ends]
    columns = (ends - 1) // height - starts // height + 1
    first = np.repeat(np.cumsum(columns) - columns, columns)
    tops = (np.repeat(starts // height, columns) + np.arange(columns.sum()) - first) * height
    pieces = (
        np.maximum(tops, np.repeat(starts, columns)),
        np.minimum(tops + height, np.repeat(ends, columns)),
    )
    return np.stack(pieces, 1)


def to_rle(runs: Runs, height: int, width: int) -> Rle:
    """Encode the runs of a mask of an image of this size."""
    return rle_from_edges(runs.ravel(), height, width)


def moved(runs: Runs, height: int, left: int, top: int, new_height: int) -> Runs:
    """Return the runs of a part of an image as those of the whole image.

    Args:
        runs: of a mask of the part.
        height: of the part.
        left: where the part begins in the image, in pixels.
        top: likewise.
        new_height: of the image.
    """
    column = runs[:, :1] // height
    return runs - column * height + (column + left) * new_height + top


def area(runs: Runs) -> int:
    """Return the number of pixels."""
    return int((runs[:, 1] - runs[:, 0]).sum())


def intersection(one: Runs, other: Runs) -> int:
    """Return the number of pixels that two masks of one image have in common."""
    if not len(one) or not len(other):
        return 0
    lengths = one[:, 1] - one[:, 0]
    before = np.cumsum(lengths) - lengths
    # How many pixels of `one` lie before each start and each end of `other`.
    run = np.searchsorted(one[:, 0], other, "right") - 1
    within = np.clip(other - one[run, 0], 0, lengths[run])
    passed = np.where(run < 0, 0, before[run] + within)
    return int((passed[:, 1] - passed[:, 0]).sum())


def cut_out(rle: Rle, margin: int = 0) -> tuple[NDArray[np.bool_], int, int]:
    """Decode the part of a mask that has all of its pixels, and a margin within the image.

    Returns:
        bool (h, w), and its left and top in pixels of the image; (0, 0) of an empty mask.
    """
    height, width = rle["size"]
    runs = runs_of(rle)
    if not len(runs):
        return np.zeros((0, 0), bool), 0, 0
    columns, tops = np.divmod(runs[:, 0], height)
    bottoms = tops + runs[:, 1] - runs[:, 0]
    left, right = max(int(columns[0]) - margin, 0), min(int(columns[-1]) + 1 + margin, width)
    top, bottom = max(int(tops.min()) - margin, 0), min(int(bottoms.max()) + margin, height)
    # A pixel is inside where more runs have started than ended.
    steps = np.zeros((right - left, bottom - top + 1), np.int8)
    np.add.at(steps, (columns - left, tops - top), 1)
    np.add.at(steps, (columns - left, bottoms - top), -1)
    inside = np.cumsum(steps, axis=1, dtype=np.int8)[:, :-1] > 0
    return np.ascontiguousarray(inside.T), left, top
