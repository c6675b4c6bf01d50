"""COCO's compressed run-length encoding of masks (NumPy only).

Pixels are counted in column-major order. The counts alternate between background and foreground,
starting with background. From the fourth count on, each is stored as its difference to the count
two before it. The numbers are then written in groups of five bits, least significant first; a
group is one character, 48 + bits + 32 if more groups follow, and bit 4 of the last group is the
sign.
"""

import numpy as np
from numpy.typing import NDArray

from refinemask.errors import RefineMaskError
from refinemask.structures import Rle


def encode_rle(mask: NDArray[np.bool_]) -> Rle:
    """Encode a mask (H, W), bool or any numbers of which non-zero is foreground."""
    height, width = mask.shape
    columns = np.ascontiguousarray(mask.T, bool)
    return rle_from_edges(column_edges(columns, 0, 0, height), height, width)


def decode_rle(rle: Rle) -> NDArray[np.bool_]:
    """Decode to a bool mask (H, W).

    Raises:
        RefineMaskError: the counts are malformed or do not add up to the size.
    """
    height, width = rle["size"]
    counts = run_lengths(rle)
    values = np.arange(len(counts)) % 2 == 1
    return np.ascontiguousarray(np.repeat(values, counts).reshape(width, height).T)


def run_lengths(rle: Rle) -> NDArray[np.int64]:
    """Return the lengths of the runs, background first, in column-major order: int64 (R,).

    Raises:
        RefineMaskError: the counts are malformed or do not add up to the size.
    """
    height, width = rle["size"]
    counts = _decompress(rle["counts"])
    if (counts < 0).any() or counts.sum() != height * width:
        raise RefineMaskError(
            f"the counts of a run-length encoded mask must add up to {height} x {width} pixels, "
            f"got {counts.sum()}"
        )
    return counts


def column_edges(columns: NDArray[np.bool_], left: int, top: int, height: int) -> NDArray[np.int64]:
    """Find where the runs of a window of a mask start and end.

    Args:
        columns: bool (w, h), the window transposed: one row per column of the image.
        left: image column of the window's first column.
        top: image row of the window's first row.
        height: height of the image.

    Returns:
        int64 (2R,): start and end (exclusive) of R runs, column-major pixel indices of the image.
    """
    padded = np.zeros((columns.shape[0], columns.shape[1] + 2), bool)
    padded[:, 1:-1] = columns
    changes = np.flatnonzero(padded[:, 1:] != padded[:, :-1])
    column, row = np.divmod(changes, padded.shape[1] - 1)
    return (column + left) * height + row + top


def rle_from_edges(edges: NDArray[np.int64], height: int, width: int) -> Rle:
    """Encode runs given by their starts and ends in ascending order, as `column_edges` does."""
    # A run that reaches the bottom continues in the next column: drop the equal end and start.
    joined = np.flatnonzero(edges[1:] == edges[:-1])
    edges = np.delete(edges, np.concatenate([joined, joined + 1]))
    total = height * width
    bounds = edges if len(edges) and edges[-1] == total else np.append(edges, total)
    counts = np.diff(bounds, prepend=0)
    return {"size": [height, width], "counts": _compress(counts)}


def _compress(counts: NDArray[np.int64]) -> str:
    values = counts.astype(np.int64)
    values[3:] -= counts[1:-2]
    groups, used = [], []
    active = np.ones(len(values), bool)
    while active.any():
        bits = values & 0x1F
        values = values >> 5
        more = active & (values != np.where(bits & 0x10, -1, 0))
        groups.append(bits + np.where(more, 48 + 32, 48))
        used.append(active)
        active = more
    text = np.stack(groups, 1)[np.stack(used, 1)]
    return text.astype(np.uint8).tobytes().decode("ascii")


def _decompress(text: str) -> NDArray[np.int64]:
    codes = np.frombuffer(text.encode("utf-8"), np.uint8).astype(np.int64) - 48
    last = np.flatnonzero(~codes & 0x20)
    starts = np.concatenate([[0], last[:-1] + 1]).astype(np.int64)
    lengths = last + 1 - starts
    malformed = not len(last) or last[-1] != len(codes) - 1 or codes.min() < 0 or codes.max() > 63
    if malformed or lengths.max() > 12:
        raise RefineMaskError(f"not the counts of a run-length encoded mask: {text[:40]!r}")
    shifts = 5 * (np.arange(len(codes)) - np.repeat(starts, lengths))
    values = np.add.reduceat((codes & 0x1F) << shifts, starts)
    values -= np.where(codes[last] & 0x10, 1 << (5 * lengths), 0)
    values[1::2] = np.cumsum(values[1::2])
    values[2::2] = np.cumsum(values[2::2])
    return values
