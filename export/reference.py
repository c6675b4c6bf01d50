"""Run a model as the reference of the parity gate: its detections, and what rounding may change."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from refinemask.configs.config import Conventions, ModelConfig
from refinemask.export.calls import calls_of
from refinemask.export.near_ties import Candidates, best, joined, score_margin, select
from refinemask.export.tolerances import BOX_TOLERANCE
from refinemask.inference.structures import RawArrays
from refinemask.models import Detector
from refinemask.models.boxes import clip_boxes, decode_boxes, drop_small
from refinemask.models.detector import make_rois, normalise
from refinemask.models.fpn import STRIDES
from refinemask.models.rpn import level_anchors
from refinemask.ops.levels import assign_levels

SAME_BOX = 1e-2
"""Pixels between two copies of a box that were computed in different batches of boxes."""


@dataclass(frozen=True)
class Reference:
    """What the model returned for one image, and how close its decisions were."""

    outputs: RawArrays
    """Detections; masks are probabilities."""
    undecided: Candidates
    """Detections, found or not, that rounding may remove or add."""
    stages: list[NDArray[np.float32]]
    """Mask logits (N, S, S) of the mask head before refinement, coarse to fine."""
    level_ties: NDArray[np.bool_]
    """(N,) whether rounding may pool the mask's features from another pyramid level."""


def run_reference(model: Detector, image: NDArray[np.uint8], size: tuple[int, int]) -> Reference:
    """Detect objects in one image, and find the decisions that are near ties.

    Args:
        model: in evaluation mode.
        image: uint8 RGB (H, W, 3), padded.
        size: height and width of its valid area.
    """
    images = torch.from_numpy(image)[None].to(model.device)
    sizes = torch.tensor([size], device=model.device)
    return run_normalised(model, normalise(images, sizes, model.config.input), sizes)


@torch.inference_mode()
def run_normalised(model: Detector, images: Tensor, sizes: Tensor) -> Reference:
    """Do so for a normalised image, float32 (1, 3, H, W), and its size, int64 (1, 2)."""
    with calls_of(model.rpn_head, model.roi_head.bbox_head, model.roi_head.mask_head) as calls:
        raw = model(images, sizes)
    (features,), (logits, deltas) = calls[0]
    (_, rois), (class_logits, class_deltas) = calls[1]
    stages = _stages(calls[2][1])

    anchors = level_anchors(features, model.config.conventions)
    proposals = undecided_proposals(logits, deltas, anchors, sizes, model.config.conventions)
    tied, others = _close_rois(rois, torch.from_numpy(proposals.boxes).to(rois))
    if len(others):
        more_logits, more_deltas = model.roi_head.bbox_head(features, others)
        class_logits = torch.cat((class_logits, more_logits))
        class_deltas = torch.cat((class_deltas, more_deltas))
        rois = torch.cat((rois, others))
    certain = ~torch.cat((tied, tied.new_ones(len(others))))
    undecided = undecided_detections(class_logits, class_deltas, rois, certain, sizes, model.config)
    return Reference(
        raw._replace(masks=raw.masks.sigmoid()).map(lambda values: values.cpu().numpy()),
        undecided,
        [stage[:, 0].cpu().numpy() for stage in stages],
        _level_ties(raw.boxes).cpu().numpy(),
    )


def _stages(result: Any) -> Sequence[Tensor]:
    return result if isinstance(result, list) else result.stages


def undecided_proposals(
    logits: Sequence[Tensor],
    deltas: Sequence[Tensor],
    anchors: Sequence[Tensor],
    image_sizes: Tensor,
    conventions: Conventions,
) -> Candidates:
    """Return the proposals of one image that rounding may add or remove.

    Arguments are those of `refinemask.models.rpn.propose`, with a batch of one image.
    """
    levels = [
        _proposals(level, *values, image_sizes, conventions)
        for level, values in enumerate(zip(logits, deltas, anchors, strict=True))
    ]
    limits = conventions.proposal_iou, conventions.max_proposals, conventions.max_shifted
    return select(joined(levels), *limits).undecided


def _proposals(
    level: int,
    logits: Tensor,
    deltas: Tensor,
    anchors: Tensor,
    image_sizes: Tensor,
    conventions: Conventions,
) -> Candidates:
    coding = conventions.proposal_stds, conventions.limit_shrinking
    decoded = decode_boxes(anchors, deltas[0].float(), *coding)
    boxes = clip_boxes(decoded[None], image_sizes)
    scores = drop_small(logits.float().sigmoid(), boxes, conventions.min_proposal_side)[0]
    large = scores >= 0
    found = _candidates(boxes[0][large], scores[large], torch.full_like(scores[large], level))
    return best(found, conventions.level_proposals)


def undecided_detections(
    logits: Tensor,
    deltas: Tensor,
    rois: Tensor,
    certain: Tensor,
    image_sizes: Tensor,
    config: ModelConfig,
) -> Candidates:
    """Return the detections of one image that rounding may add or remove.

    Args:
        logits: (K, num_classes + 1) of the box head.
        deltas: (K, num_classes, 4).
        rois: float32 (K, 5) the proposals, and those that rounding may add.
        certain: bool (K,) whether rounding cannot remove the proposal or change its features.
        image_sizes: int64 (1, 2), height and width of the valid area.
        config: of the model.
    """
    conventions = config.conventions
    scores = logits.float().softmax(1)[:, :-1]
    coding = conventions.detection_stds, conventions.limit_shrinking
    decoded = decode_boxes(rois[:, None, 1:], deltas.float(), *coding)
    boxes = clip_boxes(decoded[None], image_sizes)[0]
    scores = drop_small(scores, boxes, conventions.min_detection_side)
    threshold = config.score_threshold
    margin = score_margin(np.array([threshold], np.float32)).item()
    rows, labels = torch.nonzero(scores > threshold - margin, as_tuple=True)
    boxes, scores = boxes[rows, labels], scores[rows, labels]
    certain = certain[rows] & (scores > threshold + margin)
    return select(
        _candidates(boxes, scores, labels, certain),
        conventions.detection_iou,
        config.max_detections,
        conventions.max_shifted,
        conventions.first_class_shift,
    ).undecided


def _candidates(
    boxes: Tensor, scores: Tensor, groups: Tensor, certain: Tensor | None = None
) -> Candidates:
    if certain is None:
        certain = torch.ones_like(scores)
    return Candidates(
        boxes.cpu().numpy(),
        scores.cpu().numpy(),
        groups.long().cpu().numpy(),
        certain.bool().cpu().numpy(),
    )


def _close_rois(rois: Tensor, undecided: Tensor) -> tuple[Tensor, Tensor]:
    """Find the proposals that rounding may remove or pool otherwise, and those it may add.

    Args:
        rois: float32 (K, 5) of one image.
        undecided: (U, 4) proposals that rounding may add or remove.

    Returns:
        bool (K,) whether a proposal is one of the former, and RoIs (M, 5) of the latter. They
        include copies of proposals at the boundary between two pyramid levels, a little smaller
        and a little larger.
    """
    same = torch.cdist(rois[:, 1:], undecided, p=torch.inf) <= SAME_BOX
    at_boundary = _level_ties(rois[:, 1:])
    boxes = rois[at_boundary, 1:]
    added = torch.cat((undecided[~same.any(0)], _grown(boxes, -1), _grown(boxes, 1)))
    return same.any(1) | at_boundary, make_rois(torch.zeros_like(added[:, 0]), added)


def _level_ties(boxes: Tensor) -> Tensor:
    """Return whether rounding may assign another pyramid level to each box (K, 4)."""
    small, large = (assign_levels(_grown(boxes, sign), len(STRIDES[:4])) for sign in (-1, 1))
    return small != large


def _grown(boxes: Tensor, sign: int) -> Tensor:
    """Move every side (K, 4) outwards or inwards, where boxes keep at least no extent."""
    margin = sign * BOX_TOLERANCE / 2
    low, high = boxes[:, :2] - margin, boxes[:, 2:] + margin
    return torch.cat((low, torch.maximum(low, high)), 1)
