"""COCO's compressed run-length encoding of masks (NumPy only).

Pixels are counted in column-major order. The counts alternate between background and foreground,
starting with background. From the fourth count on, each is stored as its difference to the count
two before it. The numbers are then written in groups of five bits, least significant first; a
group is one character, 48 + bits + 32 if more groups follow, and bit 4 of the last group is the
sign.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from refinemask.errors import RefineMaskError
from refinemask.inference import native
from refinemask.inference.pixel_limit import size_problem
from refinemask.inference.structures import Rle

_TOO_LARGE = "the counts of a run-length encoded mask must add up to its size, but one is larger"


def encode_rle(mask: NDArray[np.bool_]) -> Rle:
    """Encode a mask (H, W), bool or any numbers of which non-zero is foreground.

    Compiled code does it where it was built (`native`), with the same results.
    """
    height, width = mask.shape
    kernels = native.kernels()
    if kernels is not None:
        return {"size": [height, width], "counts": kernels.encode_rle(mask)}
    columns = np.ascontiguousarray(mask.T, bool)
    return rle_from_edges(column_edges(columns, 0, 0, height), height, width)


def decode_rle(rle: Rle) -> NDArray[np.bool_]:
    """Decode to a bool mask (H, W).

    Raises:
        RefineMaskError: as `run_lengths`.
    """
    height, width = rle["size"]
    counts = run_lengths(rle)
    values = np.arange(len(counts)) % 2 == 1
    return np.ascontiguousarray(np.repeat(values, counts).reshape(width, height).T)


def run_lengths(rle: Mapping[str, Any]) -> NDArray[np.int64]:
    """Return the lengths of the runs, background first, in column-major order: int64 (R,).

    Args:
        rle: an encoding from any source: its `counts` may be text, ASCII bytes or a list of
            integers.

    Raises:
        RefineMaskError: the size is not that of an image, or the counts are malformed or do not
            add up to it.
    """
    pixels = _count_pixels(rle)
    counts = rle["counts"]
    if isinstance(counts, str | bytes):
        return _checked(_decompress(counts, pixels), pixels, rle)
    if not isinstance(counts, Sequence) or not all(type(n) is int and n >= 0 for n in counts):
        raise RefineMaskError(
            "the counts of a run-length encoding must be text or a list of integers >= 0, "
            f"got {str(counts)[:60]!r}"
        )
    if counts and max(counts) > pixels:
        raise RefineMaskError(_TOO_LARGE)
    return _checked(np.array(counts, np.int64), pixels, rle)


def mask_areas(masks: Sequence[Rle]) -> NDArray[np.int64]:
    """Check N encodings as `run_lengths` does, all at once; return their foreground: int64 (N,).

    Raises:
        RefineMaskError: as `run_lengths`, for one of the masks.
    """
    if not masks:
        return np.zeros(0, np.int64)
    texts = [_to_bytes(mask["counts"]) for mask in masks]
    pixels = np.array([_count_pixels(mask) for mask in masks])
    values, last = _read_numbers(b"".join(texts))
    text_ends = np.cumsum([len(text) for text in texts]) - 1
    final = np.minimum(np.searchsorted(last, text_ends), len(last) - 1)
    first = np.concatenate([[0], final[:-1] + 1])
    runs = final - first + 1
    if (last[final] != text_ends).any() or (runs < 1).any():
        raise RefineMaskError("not the counts of run-length encoded masks: one ends too early")
    _refuse_far(values, np.repeat(pixels, runs))
    place = np.arange(len(values)) - np.repeat(first, runs)
    odd = place % 2 == 1
    # One running sum for each parity; place 0, where a mask begins, is in neither.
    ones = np.cumsum(np.where(odd, values, 0))
    zeros = np.cumsum(np.where(odd | (place == 0), 0, values))
    sums = np.where(odd, ones - np.repeat(ones[first], runs), zeros - np.repeat(zeros[first], runs))
    counts = np.where(place == 0, values, sums)
    _refuse_far(counts, np.repeat(pixels, runs))
    if (counts < 0).any() or (np.add.reduceat(counts, first) != pixels).any():
        raise RefineMaskError("the counts of a run-length encoded mask do not add up to its size")
    return np.add.reduceat(np.where(odd, counts, 0), first)


def compressed(rle: Mapping[str, Any]) -> Rle:
    """Return an encoding from any source, see `run_lengths`, with text as its counts.

    Text is passed on unchecked, for `mask_areas` to check.

    Raises:
        RefineMaskError: as `run_lengths`.
    """
    counts = rle["counts"]
    if isinstance(counts, bytes):
        counts = counts.decode("latin-1")
    text = counts if isinstance(counts, str) else _compress(run_lengths(rle))
    return {"size": list(rle["size"]), "counts": text}


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


def _decompress(text: str | bytes, pixels: int) -> NDArray[np.int64]:
    values, _ = _read_numbers(_to_bytes(text))
    _refuse_far(values, pixels)
    values[1::2] = np.cumsum(values[1::2])
    values[2::2] = np.cumsum(values[2::2])
    return values


def _to_bytes(text: str | bytes) -> bytes:
    # A lone surrogate becomes bytes that no encoding has, and is refused like other characters.
    return text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass")


def _count_pixels(rle: Mapping[str, Any]) -> int:
    height, width = rle["size"]
    problem = size_problem(height, width)
    if problem:
        raise RefineMaskError(f"a run-length encoding {problem}")
    return int(height * width)


def _checked(counts: NDArray[np.int64], pixels: int, rle: Mapping[str, Any]) -> NDArray[np.int64]:
    _refuse_far(counts, pixels)
    if (counts < 0).any() or counts.sum() != pixels:
        height, width = rle["size"]
        raise RefineMaskError(
            f"the counts of a run-length encoded mask must add up to {height} x {width} pixels, "
            f"got {counts.sum()}"
        )
    return counts


def _refuse_far(values: NDArray[np.int64], pixels: int | NDArray[np.int64]) -> None:
    """Refuse numbers beyond the size of the mask, before sums of them wrap."""
    if (np.abs(values) > pixels).any():
        raise RefineMaskError(_TOO_LARGE)


def _read_numbers(text: bytes) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the numbers as they are stored, and where in the text each of them ends."""
    codes = np.frombuffer(text, np.uint8) - 48  # What is below 48 wraps around to above 63.
    last = np.flatnonzero(codes & 0x20 == 0)
    starts = np.concatenate([[0], last[:-1] + 1])
    lengths = last + 1 - starts
    malformed = not len(last) or last[-1] != len(codes) - 1 or codes.max() > 63
    if malformed or lengths.max() > 12:
        shown = text[:40].decode("utf-8", "replace")
        hint = ""
        if shown[:2] in ("b'", 'b"'):
            hint = "; these are bytes written as Python shows them: write `counts.decode()`"
        raise RefineMaskError(f"not the counts of a run-length encoded mask: {shown!r}{hint}")
    bits = (codes & 0x1F).astype(np.int64)
    values = bits[starts]
    longer, group = np.flatnonzero(lengths > 1), 1
    while len(longer):
        values[longer] |= bits[starts[longer] + group] << (5 * group)
        group += 1
        longer = longer[lengths[longer] > group]
    negative = np.flatnonzero(codes[last] & 0x10)
    values[negative] -= 1 << (5 * lengths[negative])
    return values, last
