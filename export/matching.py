"""Match the detections of two runs one to one, and excuse near ties."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from refinemask.export.near_ties import Candidates, box_iou
from refinemask.export.tolerances import (
    BOX_TOLERANCE,
    CONFIDENT_IOU,
    CONFIDENT_SCORE,
    MATCH_IOU,
    SCORE_TOLERANCE,
)
from refinemask.inference.structures import RawArrays


@dataclass(frozen=True)
class Matching:
    """Which detections of two runs are the same."""

    pairs: NDArray[np.int64]
    """(P, 2) indices into the reference and the other run."""
    missing: NDArray[np.int64]
    """Detections of the reference without a partner that no near tie excuses."""
    extra: NDArray[np.int64]
    """Detections of the other run without a partner that no near tie excuses."""
    near_ties: int
    """Detections of either run without a partner that a near tie excuses."""


def match(reference: RawArrays, found: RawArrays, undecided: Candidates) -> Matching:
    """Match the detections of one image.

    Args:
        reference: of the reference.
        found: of the other run.
        undecided: detections that rounding may add to the reference or remove from it. One that is
            missing or extra is excused if it is one of them, with the same score.
    """
    pairs = _pairs(reference, found, MATCH_IOU)
    may_go, may_come = _is_one_of(reference, undecided), _is_one_of(found, undecided)
    # Where rounding exchanges two proposals of one object, their detections overlap but differ.
    exchanged = ~_close(reference, found, pairs) & may_go[pairs[:, 0]] & may_come[pairs[:, 1]]
    pairs = pairs[~exchanged]
    missing = np.setdiff1d(np.arange(len(may_go)), pairs[:, 0])
    extra = np.setdiff1d(np.arange(len(may_come)), pairs[:, 1])
    return Matching(
        pairs,
        missing[~may_go[missing]],
        extra[~may_come[extra]],
        int(may_go[missing].sum() + may_come[extra].sum()),
    )


def match_confident(reference: RawArrays, found: RawArrays) -> Matching:
    """Match the detections of one image that either run is confident of; nothing is excused."""
    pairs = _pairs(reference, found, CONFIDENT_IOU)
    sure, found_sure = reference.scores >= CONFIDENT_SCORE, found.scores >= CONFIDENT_SCORE
    return Matching(
        pairs[sure[pairs[:, 0]]],
        np.setdiff1d(np.flatnonzero(sure), pairs[:, 0]),
        np.setdiff1d(np.flatnonzero(found_sure), pairs[:, 1]),
        near_ties=0,
    )


def _pairs(reference: RawArrays, found: RawArrays, min_iou: float) -> NDArray[np.int64]:
    """Pair boxes of the same label and an IoU above `min_iou`, the most alike first.

    Boxes whose corners are within the tolerance match as well: a box much thinner than a pixel has
    no meaningful IoU.
    """
    same = reference.labels[:, None] == found.labels
    near = _corner_distance(reference.boxes, found.boxes) <= BOX_TOLERANCE
    overlap = np.where(near, 1.0, box_iou(reference.boxes, found.boxes))
    overlap = np.where(same, overlap, 0.0)
    pairs = []
    for index in range(len(overlap)):
        best = int(overlap[index].argmax()) if overlap.shape[1] else -1
        if best >= 0 and overlap[index, best] > min_iou:
            pairs.append((index, best))
            overlap[:, best] = 0.0
    return np.array(pairs, np.int64).reshape(-1, 2)


def _close(reference: RawArrays, found: RawArrays, pairs: NDArray[np.int64]) -> NDArray[np.bool_]:
    mine, theirs = pairs[:, 0], pairs[:, 1]
    distance = np.abs(reference.boxes[mine] - found.boxes[theirs]).max(1, initial=0.0)
    difference = np.abs(reference.scores[mine] - found.scores[theirs])
    return (distance <= BOX_TOLERANCE) & (difference <= SCORE_TOLERANCE)


def _is_one_of(found: RawArrays, undecided: Candidates) -> NDArray[np.bool_]:
    same = found.labels[:, None] == undecided.groups
    same &= np.abs(found.scores[:, None] - undecided.scores) <= SCORE_TOLERANCE
    near = _corner_distance(found.boxes, undecided.boxes) <= BOX_TOLERANCE
    return (same & (near | (box_iou(found.boxes, undecided.boxes) > MATCH_IOU))).any(1)


def _corner_distance(
    boxes: NDArray[np.float32], others: NDArray[np.float32]
) -> NDArray[np.float64]:
    return np.abs(boxes[:, None].astype(np.float64) - others).max(2, initial=0.0)
