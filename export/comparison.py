"""Compare what two runs of a model returned for one image, of which one may be the reference."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from refinemask.configs.precisions import Precision
from refinemask.export.mask_ties import explained_by_near_ties
from refinemask.export.matching import match, match_confident
from refinemask.export.reference import Reference
from refinemask.export.tolerances import PROBABILITY_TOLERANCE
from refinemask.inference.pasting import paste_mask
from refinemask.inference.processing import Prepared
from refinemask.inference.structures import RawArrays


@dataclass(frozen=True)
class Comparison:
    """The figures of one image; `ParityReport` has the meaning of each."""

    name: str
    """Of the image."""
    batched: bool
    """Whether the artifact ran it as part of a batch."""
    detections: int
    compared: int
    """Of these: all but excused ones; in half precision those that are confident."""
    unmatched: int
    near_tie_detections: int
    box_difference: float
    score_difference: float
    probability_difference: float
    pixels: int
    """Mask probabilities compared."""
    pixels_within: int
    """Those within the tolerance, and near ties."""
    near_tie_pixels: int
    mask_ious: tuple[float, ...]
    """Of the masks of matched detections."""


def compare(
    reference: Reference,
    outputs: RawArrays,
    prepared: Prepared,
    name: str = "the image",
    batched: bool = False,
    expected: RawArrays | None = None,
    precision: Precision = "float32",
) -> Comparison:
    """Compare the outputs of an artifact for one image with those of the model, or of another run.

    Args:
        reference: what the model returned for the image; its near ties excuse either side.
        outputs: what the artifact returned for it.
        prepared: the image that both got.
        name: of the image, for messages.
        batched: whether the artifact ran it as part of a batch.
        expected: what another runtime returned for it, to compare with instead of the model.
        precision: in which the artifact computes; in half precision only detections that are
            confident count, and near ties excuse nothing.
    """
    exact = precision == "float32"
    if expected is None:
        expected, known = reference.outputs, reference
    else:
        known = _reordered(reference, expected)
    if exact:
        matching = match(expected, outputs, reference.undecided)
    else:
        matching = match_confident(expected, outputs)
    mine, theirs = matching.pairs[:, 0], matching.pairs[:, 1]

    def difference(ours: NDArray[np.float32], others: NDArray[np.float32]) -> NDArray[np.float64]:
        return np.abs(ours[mine].astype(np.float64) - others[theirs])

    masks = outputs.masks[theirs]
    near_ties = np.zeros(masks.shape, bool)
    if exact:
        near_ties = _near_ties(known, mine, expected.masks[mine], masks)
    masks = np.where(near_ties, expected.masks[mine], masks)
    differences = np.abs(expected.masks[mine].astype(np.float64) - masks)
    within = differences <= PROBABILITY_TOLERANCE
    moved = exact & known.level_ties[mine] & ~within.all((1, 2))
    settled = np.flatnonzero(~moved)
    return Comparison(
        name=name,
        batched=batched,
        detections=len(expected.scores),
        compared=len(mine) + len(matching.missing),
        unmatched=len(matching.missing) + len(matching.extra),
        near_tie_detections=matching.near_ties + int(moved.sum()),
        box_difference=difference(expected.boxes, outputs.boxes).max(initial=0.0),
        score_difference=difference(expected.scores, outputs.scores).max(initial=0.0),
        probability_difference=differences[settled].max(initial=0.0),
        pixels=differences[settled].size,
        pixels_within=int(within[settled].sum()),
        near_tie_pixels=int(near_ties[settled].sum()),
        mask_ious=tuple(
            _pasted_iou(
                (expected.masks[mine[pair]], expected.boxes[mine[pair]]),
                (masks[pair], outputs.boxes[theirs[pair]]),
                prepared,
            )
            for pair in settled
        ),
    )


def _reordered(reference: Reference, found: RawArrays) -> Reference:
    """Return the reference with the stages and ties of its detections in the order of another run.

    Nothing excuses the masks of detections that the reference lacks: their stages are NaN.
    """
    pairs = match(reference.outputs, found, reference.undecided).pairs
    count = len(found.scores)
    level_ties = np.zeros(count, bool)
    level_ties[pairs[:, 1]] = reference.level_ties[pairs[:, 0]]
    stages = [np.full((count, *stage.shape[1:]), np.nan, np.float32) for stage in reference.stages]
    for stage, source in zip(stages, reference.stages, strict=True):
        stage[pairs[:, 1]] = source[pairs[:, 0]]
    return Reference(found, reference.undecided, stages, level_ties)


def _near_ties(
    reference: Reference,
    rows: NDArray[np.int64],
    masks: NDArray[np.float32],
    others: NDArray[np.float32],
) -> NDArray[np.bool_]:
    """Find the pixels of two runs' masks (N, M, M) that differ by a near tie of the reference.

    Args:
        reference: what the model returned.
        rows: int64 (N,) which detection of the reference each mask is of.
        masks: of one run.
        others: of the other one.
    """
    differs = ~(np.abs(masks - others) <= PROBABILITY_TOLERANCE)
    if len(reference.stages) < 2:  # no refinement, no decisions
        return np.zeros_like(differs)
    some = np.flatnonzero(differs.any((1, 2)))
    stages = [torch.from_numpy(stage[rows[some]])[:, None] for stage in reference.stages]
    for values in (masks, others):
        explained = explained_by_near_ties(stages, torch.from_numpy(values[some])[:, None])
        differs[some] &= explained[:, 0].numpy()
    return differs


Mask = tuple[NDArray[np.float32], NDArray[np.float32]]
"""Probabilities (M, M) and the box (4,) they are in."""


def _pasted_iou(mine: Mask, theirs: Mask, prepared: Prepared) -> float:
    """Return the IoU of two masks in the original image, 1 if both are empty there."""
    first, second = (
        paste_mask(probabilities, box / prepared.scale_factor, *prepared.original_size)
        for probabilities, box in (mine, theirs)
    )
    union = (first | second).sum()
    return float((first & second).sum() / union) if union else 1.0
