"""The detector with outputs of fixed size: what the graph of the static form is captured from."""

import torch
from torch import Tensor

from refinemask.errors import RefineMaskError
from refinemask.export.forms.static.selection import Limits, select_in_classes, select_in_levels
from refinemask.inference.padded_outputs import MAX_CANDIDATES, PaddedOutputs
from refinemask.models import Detector
from refinemask.models.box_head import class_boxes
from refinemask.models.detector import make_rois
from refinemask.models.rpn import LEAST_SCORE, level_anchors, proposal_candidates


def detect_padded(detector: Detector, images: Tensor, image_sizes: Tensor) -> PaddedOutputs[Tensor]:
    """Detect objects in normalised images; arguments as those of `Detector.forward`.

    Every image has `max_proposals` proposals and `max_detections` detections; those that are none
    lie at 0, 0 and take part in nothing.

    Raises:
        RefineMaskError: the model considers more proposals than compilers can sort.
    """
    config, conventions = detector.config, detector.config.conventions
    for name in ("level_proposals", "max_proposals"):
        if getattr(conventions, name) > MAX_CANDIDATES:
            raise RefineMaskError(
                f"the static form takes models with a {name} of at most {MAX_CANDIDATES}, got "
                f"{getattr(conventions, name)}; export it in the form portable or fused"
            )
    features = detector.features(images)
    logits, deltas = detector.rpn_head(features)
    anchors = level_anchors(features, conventions)
    boxes, scores = proposal_candidates(
        logits, deltas, anchors, image_sizes, conventions=conventions
    )
    limits = Limits(
        conventions.proposal_iou,
        LEAST_SCORE,
        conventions.max_proposals,
        conventions.max_shifted,
    )
    proposals = select_in_levels(boxes, scores, limits)

    rois = _rois(proposals.boxes)
    logits, deltas = detector.roi_head.bbox_head(features, rois)
    boxes, scores = class_boxes(logits, deltas, rois, image_sizes, conventions)
    rows = (-1, conventions.max_proposals)
    scores = torch.where(proposals.valid[..., None], scores.unflatten(0, rows), -1.0)
    limits = Limits(
        conventions.detection_iou,
        config.score_threshold,
        config.max_detections,
        conventions.max_shifted,
        conventions.first_class_shift,
    )
    found, truncated = select_in_classes(boxes.unflatten(0, rows), scores, limits)

    labels = found.groups.flatten()
    masks = detector.roi_head.mask_head.final_logits(features, _rois(found.boxes), labels)
    masks = masks[:, 0].sigmoid().unflatten(0, (-1, config.max_detections))
    return PaddedOutputs(
        found.boxes,
        found.scores,
        torch.where(found.valid, found.groups, -1),
        torch.where(found.valid[..., None, None], masks, 0.0),
        found.valid.sum(1),
        truncated,
    )


def _rois(boxes: Tensor) -> Tensor:
    """Return the RoIs (B * M, 5) of boxes (B, M, 4)."""
    image = torch.arange(boxes.shape[0], device=boxes.device)[:, None].expand(boxes.shape[:2])
    return make_rois(image.flatten(), boxes.flatten(0, 1))
