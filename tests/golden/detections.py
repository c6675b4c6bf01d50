"""Comparing detections with the official ones, whose near ties may fall either way."""

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from refinemask.export.comparison import compare
from refinemask.export.matching import Matching, match
from refinemask.export.near_ties import Candidates
from refinemask.export.parity import summarise
from refinemask.export.reference import Reference
from refinemask.export.tolerances import MASK_IOU, NEAR_TIE_DETECTIONS
from refinemask.inference.processing import Prepared, postprocess
from refinemask.inference.structures import RawArrays
from tests.golden import BOXES, SCORES, unpack


def raw(
    boxes: Tensor, scores: Tensor, labels: Tensor | None = None, masks: Tensor | None = None
) -> RawArrays:
    """Return detections of one image; without labels all have 0, without masks these are empty."""
    count = len(scores)
    zeros = np.zeros(count, np.int64)
    return RawArrays(
        boxes.numpy(),
        scores.numpy(),
        zeros if labels is None else labels.numpy(),
        zeros,
        np.zeros((count, 0, 0), np.float32) if masks is None else masks.numpy(),
    )


def official_detections(expected: Mapping[str, Tensor], kind: str) -> RawArrays:
    """Return the official detections, without masks; `kind` is "norescale" or "rescale"."""
    boxes = expected[f"{kind}/det_bboxes"]
    return raw(boxes[:, :4], boxes[:, 4], expected[f"{kind}/det_labels"])


def match_official(official: RawArrays, found: RawArrays, undecided: Candidates) -> Matching:
    """Match detections or proposals with the official ones, and compare boxes and scores."""
    matching = match(official, found, undecided)
    assert not len(matching.missing) and not len(matching.extra)
    assert matching.near_ties <= NEAR_TIE_DETECTIONS * len(official.scores)
    theirs, ours = matching.pairs.T
    np.testing.assert_allclose(found.boxes[ours], official.boxes[theirs], **BOXES)
    np.testing.assert_allclose(found.scores[ours], official.scores[theirs], **SCORES)
    return matching


def assert_official(found: RawArrays, reference: Reference, expected: Mapping[str, Tensor]) -> None:
    """Compare detections end to end with the official ones: the gate's figures, and pasted masks.

    Args:
        found: with mask probabilities.
        reference: of our model, for its near ties.
        expected: the official detections and masks.
    """
    pairs = match_official(
        official_detections(expected, "norescale"), found, reference.undecided
    ).pairs
    some = pairs[pairs[:, 0] < len(expected["norescale/mask/final_logits"])]
    _assert_same_probabilities(some, found, expected)
    for kind in ("norescale", "rescale"):
        detections = postprocess(found, _prepared(expected, kind))
        boxes = official_detections(expected, kind).boxes
        np.testing.assert_allclose(detections.boxes[pairs[:, 1]], boxes[pairs[:, 0]], **BOXES)
        pasted = torch.from_numpy(np.asarray(detections.masks))[pairs[:, 1]]
        count, height, width = expected[f"{kind}/masks_shape"].tolist()
        assert pasted.shape[1:] == (height, width)
        masks = unpack(expected[f"{kind}/masks_packed"], width)
        assert len(masks) == count
        masks = masks[pairs[:, 0]]
        union = (pasted | masks).sum((1, 2))
        iou = (pasted & masks).sum((1, 2)) / union
        # On average: a single pixel, which the official code itself flips between its own runs,
        # is more than the tolerance of a small mask.
        assert iou[union > 0].mean() > MASK_IOU, iou.min()


def _assert_same_probabilities(
    pairs: NDArray[np.int64], found: RawArrays, expected: Mapping[str, Tensor]
) -> None:
    """Apply the gate to the masks of which the official logits are recorded."""
    own = {key.removeprefix("norescale/"): value for key, value in expected.items()}
    stages = [own[key] for key in own if key.startswith("mask/stage") and "refined" not in key]
    final = own["mask/final_logits"]
    official = official_detections(expected, "norescale").map(lambda values: values[: len(final)])
    official = official._replace(masks=final[:, 0].sigmoid().numpy())
    margins = Reference(
        official,
        Candidates(*official[:3], np.ones(len(final), bool)),
        [stage[:, 0].numpy() for stage in stages or [final]],
        np.zeros(len(final), bool),
    )
    chosen = found.map(lambda values: values[pairs[:, 1]])
    report = summarise([compare(margins, chosen, _prepared(expected, "norescale"))])
    assert report.passed, report.table()


def _prepared(expected: Mapping[str, Tensor], kind: str) -> Prepared:
    return Prepared(
        np.zeros((256, 320, 3), np.uint8),
        (250, 310),
        expected[f"{kind}/scale_factor"].numpy(),
        tuple(expected[f"{kind}/ori_shape"].tolist()),
    )
