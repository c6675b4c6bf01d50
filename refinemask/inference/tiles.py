"""Detection in large images by overlapping tiles, whose detections are merged (NumPy only)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray

from refinemask.errors import RefineMaskError
from refinemask.inference import runs
from refinemask.inference.pasting import rle_masks
from refinemask.inference.rle import decode_rle
from refinemask.inference.sizes import DEFAULT_OVERLAP, MIN_TILE
from refinemask.inference.structures import Detections, MaskFormat, Rle

SAME_OBJECT = 0.5
"""The mask IoU, or the covered part of a piece, from which two detections are of one object."""


class Tile(NamedTuple):
    """A part of an image, in pixels; right and bottom are exclusive."""

    left: int
    top: int
    right: int
    bottom: int


def tiles_of(height: int, width: int, tile: int, overlap: float = DEFAULT_OVERLAP) -> list[Tile]:
    """Cover an image with square tiles, row by row.

    Neighbours overlap by at least the part of a tile that is given, and are spread evenly. An image
    that is shorter or narrower than a tile has tiles as short or narrow as itself.

    Args:
        height: of the image, in pixels.
        width: of the image, in pixels.
        tile: side of a tile in pixels, >= 32.
        overlap: the part of a tile that the next one repeats, from 0 to below 1.

    Raises:
        RefineMaskError: `tile` or `overlap` is not as described.
    """
    if isinstance(tile, bool) or not isinstance(tile, int | np.integer) or tile < MIN_TILE:
        raise RefineMaskError(
            f"tile must be the side of a square in pixels, an integer >= {MIN_TILE}, got {tile!r}"
        )
    if not 0 <= overlap < 1:
        raise RefineMaskError(
            f"overlap must be a part of a tile, >= 0 and below 1, got {overlap}; 0.2 is a fifth"
        )
    stride = max(int(tile * (1 - overlap)), 1)
    return [
        Tile(left, top, min(left + tile, width), min(top + tile, height))
        for top in _starts(height, int(tile), stride)
        for left in _starts(width, int(tile), stride)
    ]


def _starts(length: int, tile: int, stride: int) -> list[int]:
    last = max(length - tile, 0)
    steps = -(-last // stride)
    return [last * step // steps for step in range(steps + 1)] if steps else [0]


def predict_tiles(
    predict: Callable[[NDArray[np.uint8]], Detections],
    image: NDArray[np.uint8],
    tile: int,
    overlap: float = DEFAULT_OVERLAP,
    masks: MaskFormat = "bitmap",
    max_detections: int | None = None,
) -> Detections:
    """Detect objects in the tiles of an image, each on its own, and merge what is found.

    Merging leaves out what several tiles have found of one object. A detection whose box ends at an
    edge of its tile inside the image is a *piece*: its object may go on there. Detections are gone
    through by descending score, all others before the pieces. One is left out if one that is kept
    already, of the same class and from another tile,

    - has a mask IoU with it of at least 0.5; or
    - covers at least half of its mask, and it is a piece.

    So a piece never replaces the whole object, whatever their scores; and what is left out is
    covered by what is kept for at least a half. The covered part is that of the piece and not of
    the smaller of the two: a small piece does not leave out a large one that goes on beyond it.
    Detections of one tile never leave out one another: its own non-maximum suppression has been
    applied. An object that is larger than the overlap may come out as several pieces; choose an
    overlap that is larger than the objects.

    Masks are compared as runs of pixels. Of each detection, its encoded mask is kept until the end,
    and with the format "probs" its probabilities; bitmaps are as large as the image only if the
    format is "bitmap".

    Args:
        predict: detects objects in a uint8 RGB image with masks of the format "probs".
        image: uint8 RGB (H, W, 3).
        tile: side of the tiles in pixels, see `tiles_of`. An image without a longer side is
            predicted as a whole.
        overlap: see `tiles_of`.
        masks: format of the masks, see `Detections`.
        max_detections: keep this many of the highest scores of the image; None keeps all.

    Returns:
        The detections of the image by descending score. The mask of each is that of the prediction
        of its tile, moved; its box is moved, rounded to float32. "probs" are those in the tile.

    Raises:
        RefineMaskError: an argument is not as described.
    """
    image = np.asarray(image)
    if image.ndim != 3 or image.size == 0:
        raise RefineMaskError(
            f"an image must be an array of shape (height, width, 3), got {image.shape}"
        )
    if masks not in get_args(MaskFormat):
        raise RefineMaskError(
            f"unknown mask format {masks!r}; choose one of {', '.join(get_args(MaskFormat))}"
        )
    if max_detections is not None and max_detections < 0:
        raise RefineMaskError(f"max_detections must be >= 0, got {max_detections}")
    height, width = image.shape[:2]
    by_tile = []
    for place in tiles_of(height, width, tile, overlap):
        detections = predict(image[place.top : place.bottom, place.left : place.right])
        by_tile.append(_found(detections, place, (height, width), masks == "probs"))
        no_masks = np.asarray(detections.masks, np.float32)[:0]
    found = [one for some in by_tile for one in some]
    kept = [found[index] for index in _merged(found, _rivals(by_tile))]
    kept.sort(key=lambda one: -one.score)  # stable: equal scores stay in the order of the tiles
    return _joined(kept[:max_detections], (height, width), masks, no_masks)


@dataclass
class _Found:
    """A detection of a tile.

    Attributes:
        box: float32 (4,), xyxy in pixels of the image.
        score: its score.
        label: its class.
        rle: the mask in the tile.
        place: the tile.
        height: of the image.
        is_piece: whether the object may go on outside the tile.
        probs: float32 (M, M), where they are asked for.
    """

    box: NDArray[np.float32]
    score: float
    label: int
    rle: Rle
    place: Tile
    height: int
    is_piece: bool
    probs: NDArray[np.float32] | None = field(repr=False)

    @cached_property
    def runs(self) -> runs.Runs:
        """The runs of the mask in the image."""
        left, top, _, bottom = self.place
        return runs.moved(runs.runs_of(self.rle), bottom - top, left, top, self.height)

    @cached_property
    def area(self) -> int:
        return runs.area(self.runs)

    def is_left_out_for(self, kept: "_Found") -> bool:
        """Return whether another one of a different tile, which is kept, is of the same object."""
        common = runs.intersection(self.runs, kept.runs)
        least = self.area if self.is_piece else self.area + kept.area - common
        return common > 0 and common >= SAME_OBJECT * least


def _found(
    detections: Detections, place: Tile, size: tuple[int, int], with_probs: bool
) -> list[_Found]:
    corner = np.array([place.left, place.top] * 2, np.float32)
    edges = np.array([place.right - place.left, place.bottom - place.top], np.float32)
    # Boxes of objects that are cut end near the edge, not always on it.
    near = max(2.0, 0.01 * float(edges.max()))
    boxes = detections.boxes
    is_piece = (
        ((boxes[:, 0] <= near) & (place.left > 0))
        | ((boxes[:, 1] <= near) & (place.top > 0))
        | ((boxes[:, 2] >= edges[0] - near) & (place.right < size[1]))
        | ((boxes[:, 3] >= edges[1] - near) & (place.bottom < size[0]))
    )
    probs = np.asarray(detections.masks) if with_probs else [None] * len(detections)
    return [
        _Found(box + corner, score, label, rle, place, size[0], cut, prob)
        for box, score, label, rle, cut, prob in zip(
            boxes,
            detections.scores.tolist(),
            detections.labels.tolist(),
            rle_masks(detections),
            is_piece.tolist(),
            probs,
            strict=True,
        )
    ]


def _rivals(by_tile: Sequence[Sequence[_Found]]) -> list[list[int]]:
    """Return, for each detection, those of other tiles and its class whose boxes overlap its own.

    Detections are numbered through all tiles.
    """
    filled = [some for some in by_tile if some]
    starts = np.cumsum([0] + [len(some) for some in filled])
    rivals: list[list[int]] = [[] for _ in range(starts[-1])]
    if not filled:
        return rivals
    places = np.array([some[0].place for some in filled], np.float32)
    boxes = [np.stack([one.box for one in some]) for some in filled]
    labels = [np.array([one.label for one in some]) for some in filled]
    for first in range(len(filled)):
        later = np.flatnonzero(_overlap(places[first : first + 1], places[first + 1 :])[0])
        for second in (later + first + 1).tolist():
            pairs = _overlap(boxes[first], boxes[second])
            pairs &= labels[first][:, None] == labels[second]
            for one, other in np.argwhere(pairs).tolist():
                one, other = int(starts[first]) + one, int(starts[second]) + other
                rivals[one].append(other)
                rivals[other].append(one)
    return rivals


def _overlap(ones: NDArray[np.float32], others: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Return which of N boxes overlap which of K others: bool (N, K)."""
    starts = np.maximum(ones[:, None, :2], others[None, :, :2])
    ends = np.minimum(ones[:, None, 2:], others[None, :, 2:])
    return np.asarray((starts < ends).all(2))


def _merged(found: Sequence[_Found], rivals: Sequence[Sequence[int]]) -> list[int]:
    """Return the indices of the detections that are kept, in ascending order."""
    kept = np.zeros(len(found), bool)
    for index in sorted(range(len(found)), key=lambda i: (found[i].is_piece, -found[i].score)):
        kept[index] = not any(
            kept[rival] and found[index].is_left_out_for(found[rival]) for rival in rivals[index]
        )
    return np.flatnonzero(kept).tolist()


def _joined(
    kept: Sequence[_Found],
    size: tuple[int, int],
    masks: MaskFormat,
    no_masks: NDArray[np.float32],
) -> Detections:
    joined: NDArray[np.bool_] | NDArray[np.float32] | list[Rle]
    if masks == "rle":
        joined = [runs.to_rle(one.runs, *size) for one in kept]
    elif masks == "probs":
        probs = [one.probs for one in kept if one.probs is not None]
        joined = np.stack(probs) if probs else no_masks
    else:
        joined = np.zeros((len(kept), *size), bool)
        for bitmap, one in zip(joined, kept, strict=True):
            left, top, right, bottom = one.place
            bitmap[top:bottom, left:right] = decode_rle(one.rle)
    return Detections(
        np.array([one.box for one in kept], np.float32).reshape(-1, 4),
        np.array([one.score for one in kept], np.float32),
        np.array([one.label for one in kept], np.int64),
        joined,
        size,
    )
