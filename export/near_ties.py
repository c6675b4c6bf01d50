"""Greedy selection in three values: what rounding cannot change, and what it can.

A greedy suppression decides by comparing scores and IoUs. Two runs that differ by rounding decide
alike, except where one of these comparisons is nearly a tie. Given the numbers of one run, this
module says of every box whether it is selected in each run whose scores and IoUs are within the
margins, in none of them, or in some.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from refinemask.export.tolerances import IOU_MARGIN, SCORE_MARGIN

Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Candidates:
    """Scored boxes of one image."""

    boxes: NDArray[np.float32]
    """(K, 4) xyxy in pixels of the resized image."""
    scores: NDArray[np.float32]
    """(K,)."""
    groups: NDArray[np.int64]
    """(K,) class or FPN level: boxes of different groups do not suppress each other."""
    certain: Bools
    """(K,) whether it is a candidate in every run within the margins."""

    def __len__(self) -> int:
        return len(self.scores)

    def __getitem__(self, index: Bools | NDArray[np.int64] | slice) -> "Candidates":
        return Candidates(
            self.boxes[index], self.scores[index], self.groups[index], self.certain[index]
        )


def joined(parts: list[Candidates]) -> Candidates:
    """Return the candidates of all parts, in their order."""
    return Candidates(
        np.concatenate([part.boxes for part in parts]),
        np.concatenate([part.scores for part in parts]),
        np.concatenate([part.groups for part in parts]),
        np.concatenate([part.certain for part in parts]),
    )


@dataclass(frozen=True)
class Selection:
    """What a greedy selection keeps of some candidates."""

    candidates: Candidates
    """Those that may be selected, by descending score."""
    kept: Bools
    """(K,) selected in every run within the margins; the others in some."""

    @property
    def undecided(self) -> Candidates:
        """The candidates that rounding selects or not."""
        return self.candidates[~self.kept]


def score_margin(scores: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return how far rounding may move each score, at most `SCORE_MARGIN`.

    It moves the logits, and those of scores near 0 and 1 move the scores less. Near 1, float32
    scores are steps that different logits share.
    """
    exact = scores.astype(np.float64)
    return 4 * SCORE_MARGIN * exact * (1 - exact) + 2 * np.spacing(np.abs(scores))


def best(candidates: Candidates, limit: int) -> Candidates:
    """Return the candidates that may be among the `limit` of the highest score.

    Ties of a plain background may be tens of thousands: only twice the limit are considered.
    """
    order = np.argsort(-candidates.scores, kind="stable")[: 2 * limit]
    top = candidates[order]
    certain, possible = _within(top.scores, top.certain, limit)
    return Candidates(top.boxes, top.scores, top.groups, top.certain & certain)[possible]


def select(
    candidates: Candidates,
    iou_threshold: float,
    limit: int,
    max_shifted: int | None = None,
    first_shift: int = 0,
) -> Selection:
    """Suppress boxes greedily within their groups, and keep the `limit` of the highest score.

    Args:
        candidates: of one image, in any order.
        iou_threshold: a box of a higher IoU with a better one that is kept is suppressed.
        limit: largest number of boxes selected.
        max_shifted: see `refinemask.ops.batched_nms.batched_nms`.
        first_shift: likewise.
    """
    ordered = candidates[np.argsort(-candidates.scores, kind="stable")]
    shifted = _shifted(ordered, max_shifted, first_shift)
    count = 8 * limit
    while True:  # Worse boxes do not matter once `limit` better ones are certain to be kept.
        top = ordered[:count]
        kept, dropped = _suppress(top, shifted[:count], iou_threshold)
        if count >= len(ordered):
            break
        if (top.scores[kept] > top.scores[-1] + 2 * SCORE_MARGIN).sum() >= limit:
            break
        count *= 4
    survivors, kept = top[~dropped], kept[~dropped]
    certain, possible = _within(survivors.scores, kept, limit)
    return Selection(survivors[possible], (kept & certain)[possible])


def _within(scores: NDArray[np.float32], certain: Bools, limit: int) -> tuple[Bools, Bools]:
    """Return which scores are certain to be among the best `limit`, and which may be."""
    exact, margin = scores.astype(np.float64), score_margin(scores)
    everyone, sure = np.sort(exact), np.sort(exact[certain])
    may_be_better = len(everyone) - np.searchsorted(everyone, exact - margin, "right") - 1
    are_better = len(sure) - np.searchsorted(sure, exact + margin, "right")
    return may_be_better < limit, are_better < limit


def _shifted(
    candidates: Candidates, max_shifted: int | None, first_shift: int
) -> NDArray[np.float32]:
    """Move every group apart in float32, as the reference does before it compares boxes."""
    if not len(candidates) or (max_shifted is not None and len(candidates) > max_shifted):
        return candidates.boxes
    step = candidates.boxes.max() + np.float32(1)
    shift = (candidates.groups + first_shift).astype(np.float32) * step
    return candidates.boxes + shift[:, None]


def _suppress(
    candidates: Candidates, boxes: NDArray[np.float32], iou_threshold: float
) -> tuple[Bools, Bools]:
    """Return which candidates are kept for certain and which are dropped for certain."""
    kept, dropped = np.zeros(len(candidates), bool), np.zeros(len(candidates), bool)
    order = np.argsort(candidates.groups, kind="stable")
    starts = np.flatnonzero(np.diff(candidates.groups[order], prepend=-1))
    for members in np.split(order, starts[1:]):
        kept[members], dropped[members] = _suppress_group(
            boxes[members],
            candidates.scores[members],
            candidates.certain[members],
            iou_threshold,
        )
    return kept, dropped


def _suppress_group(
    boxes: NDArray[np.float32], scores: NDArray[np.float32], certain: Bools, iou_threshold: float
) -> tuple[Bools, Bools]:
    """Settle one group, from the boxes that nothing can suppress to those that follow from them."""
    overlap = box_iou(boxes, boxes)
    lead = scores.astype(np.float64) - scores[:, None]  # of the column's box over the row's
    margin = score_margin(scores)[:, None]
    may_suppress = (overlap > iou_threshold - IOU_MARGIN) & (lead > -margin)
    np.fill_diagonal(may_suppress, False)
    suppresses = (overlap > iou_threshold + IOU_MARGIN) & (lead > margin)
    dropped = np.zeros(len(boxes), bool)
    while True:
        kept = certain & ~dropped & ~may_suppress[:, ~dropped].any(1)
        settled = suppresses[:, kept].any(1)
        if (settled <= dropped).all():
            return kept, dropped
        dropped |= settled


def box_iou(boxes: NDArray[np.float32], others: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the IoU (K, N) of xyxy boxes (K, 4) and (N, 4), 0 where neither has an area."""
    first, second = boxes.astype(np.float64), others.astype(np.float64)
    low = np.maximum(first[:, None, :2], second[:, :2])
    high = np.minimum(first[:, None, 2:], second[:, 2:])
    overlap = (high - low).clip(0).prod(2)
    union = _area(first)[:, None] + _area(second) - overlap
    return np.divide(overlap, union, out=np.zeros_like(overlap), where=union > 0)


def _area(boxes: NDArray[np.float64]) -> NDArray[np.float64]:
    return (boxes[:, 2:] - boxes[:, :2]).prod(1)
