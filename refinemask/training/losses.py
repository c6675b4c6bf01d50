"""All losses of one training step (numerics 12 and 13)."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from refinemask.configs.config import FCNMaskConfig
from refinemask.data.batches import Target
from refinemask.inference.sizes import DIVISOR
from refinemask.models.boxes import encode_boxes
from refinemask.models.detector import Detector, make_rois
from refinemask.models.fcn_mask_head import FCNMaskHead
from refinemask.models.fpn import STRIDES
from refinemask.models.layers import at_least_float32
from refinemask.models.refine_mask_head import STAGE_SIZES
from refinemask.models.rpn import level_anchors, propose
from refinemask.training.assignment import IGNORED, Choose, assign, sample
from refinemask.training.distributed import mean_count
from refinemask.training.mask_losses import boundary_aware_loss, fcn_mask_loss, semantic_loss
from refinemask.training.mask_targets import mask_targets, semantic_target

Losses = dict[str, Tensor]


@dataclass(frozen=True)
class SamplingOptions:
    """How many boxes of each image the losses see."""

    anchors: int = 256
    rois: int = 512
    mask_rois: int | None = None
    """At most so many positive RoIs train the mask head; all by default."""


@dataclass(frozen=True)
class _Sampled:
    """Sampled RoIs of one image: the positives first."""

    boxes: Tensor
    matched: Tensor
    """int64 (P,): ground-truth index of each positive."""


def detector_losses(
    model: Detector,
    images: Tensor,
    image_sizes: Tensor,
    targets: Sequence[Target],
    sampling: SamplingOptions,
    choices: Sequence[Choose],
    *,
    masks_only: bool = False,
) -> Losses:
    """Compute the losses of a batch.

    Under `torch.autocast` the networks compute in its type, and all that follows their outputs is
    float32; a model in float64 is trained in float64 throughout. Of several processes, each gets
    losses whose mean over the processes is that of the whole batch, see `mean_count`.

    Args:
        model: the detector, in training mode.
        images: normalised float32 (B, 3, H, W).
        image_sizes: int64 (B, 2), height and width of the valid area.
        targets: ground truth of each image.
        sampling: how many boxes are trained on.
        choices: for each image, the random choice among them.
        masks_only: train the mask head on a fixed detector.

    Returns:
        Weighted losses by name; training minimises their sum.
    """
    with torch.set_grad_enabled(not masks_only):
        features = model.features(images)
        logits, deltas = model.rpn_head(features)
    logits, deltas = (list(map(at_least_float32, outputs)) for outputs in (logits, deltas))
    conventions = model.config.conventions
    anchors = level_anchors(features, conventions)
    with torch.no_grad():
        image, boxes, _ = propose(logits, deltas, anchors, image_sizes, 2000, conventions)
    sampled = [
        _sample_rois(boxes[image == index], target, sampling, choose)
        for index, (target, choose) in enumerate(zip(targets, choices, strict=True))
    ]
    losses: Losses = {}
    if not masks_only:
        places = anchors, conventions.proposal_stds
        losses |= _rpn_losses(logits, deltas, *places, image_sizes, targets, sampling, choices)
        losses |= _box_losses(model, features, sampled, targets)
    return losses | _mask_losses(model, features, image_sizes, sampled, targets, sampling, choices)


def _rpn_losses(
    logits: Sequence[Tensor],
    deltas: Sequence[Tensor],
    anchors: Sequence[Tensor],
    stds: tuple[float, float, float, float],
    image_sizes: Tensor,
    targets: Sequence[Target],
    sampling: SamplingOptions,
    choices: Sequence[Choose],
) -> Losses:
    all_logits, all_deltas = torch.cat(list(logits), 1), torch.cat(list(deltas), 1)
    all_anchors = torch.cat(list(anchors))
    scores, labels, predicted, expected = [], [], [], []
    for index, (target, choose) in enumerate(zip(targets, choices, strict=True)):
        usable = _in_padded_image(all_anchors, image_sizes[index])
        assigned = torch.full((len(all_anchors),), IGNORED, device=all_anchors.device)
        assigned[usable] = assign(all_anchors[usable], target.boxes, 0.7, 0.3, 0.3)
        positives, negatives = sample(assigned, sampling.anchors, 0.5, choose)
        scores += [all_logits[index, positives], all_logits[index, negatives]]
        labels += [torch.ones(len(positives)), torch.zeros(len(negatives))]
        predicted.append(all_deltas[index, positives])
        boxes = target.boxes[assigned[positives]]
        expected.append(encode_boxes(all_anchors[positives], boxes, stds))
    score, label = torch.cat(scores), torch.cat(labels).to(all_logits)
    count = mean_count(len(score), score.device)
    return {
        "rpn_score": F.binary_cross_entropy_with_logits(score, label, reduction="sum") / count,
        "rpn_box": F.l1_loss(torch.cat(predicted), torch.cat(expected), reduction="sum") / count,
    }


def _in_padded_image(anchors: Tensor, image_size: Tensor) -> Tensor:
    """Mark the anchors whose cell lies in the image, padded by itself to multiples of `DIVISOR`."""
    padded = -(-image_size // DIVISOR) * DIVISOR
    centres = (anchors[:, :2] + anchors[:, 2:]) / 2
    return (centres.round() < padded.flip(0)).all(1)


def _sample_rois(
    proposals: Tensor, target: Target, sampling: SamplingOptions, choose: Choose
) -> _Sampled:
    candidates = torch.cat((target.boxes, proposals))
    assigned = torch.cat(
        (
            torch.arange(len(target.boxes), device=proposals.device),
            assign(proposals, target.boxes, 0.5, 0.5, 0.5),
        )
    )
    positives, negatives = sample(assigned, sampling.rois, 0.25, choose)
    return _Sampled(candidates[torch.cat((positives, negatives))], assigned[positives])


def _box_losses(
    model: Detector,
    features: Sequence[Tensor],
    sampled: Sequence[_Sampled],
    targets: Sequence[Target],
) -> Losses:
    rois = _rois([s.boxes for s in sampled])
    logits, deltas = map(at_least_float32, model.roi_head.bbox_head(features, rois))
    background = model.config.num_classes
    labels, positive, boxes, expected = [], [], [], []
    for s, target in zip(sampled, targets, strict=True):
        label = torch.full((len(s.boxes),), background, device=rois.device)
        label[: len(s.matched)] = target.labels[s.matched]
        labels.append(label)
        positive.append(torch.arange(len(s.boxes), device=rois.device) < len(s.matched))
        boxes.append(s.boxes[: len(s.matched)])
        expected.append(target.boxes[s.matched])
    label, is_positive = torch.cat(labels), torch.cat(positive)
    predicted = deltas[is_positive, label[is_positive]]
    stds = model.config.conventions.detection_stds
    encoded = encode_boxes(torch.cat(boxes), torch.cat(expected), stds)
    beta = model.config.box_smooth_l1_beta
    weight = model.config.box_loss_weight / mean_count(len(rois), rois.device)
    return {
        "class": weight * F.cross_entropy(logits, label, reduction="sum"),
        "box": weight * F.smooth_l1_loss(predicted, encoded, reduction="sum", beta=beta),
    }


def _mask_losses(
    model: Detector,
    features: Sequence[Tensor],
    image_sizes: Tensor,
    sampled: Sequence[_Sampled],
    targets: Sequence[Target],
    sampling: SamplingOptions,
    choices: Sequence[Choose],
) -> Losses:
    boxes, matched = [], []
    for s, choose in zip(sampled, choices, strict=True):
        rows = torch.arange(len(s.matched), device=s.boxes.device)
        if sampling.mask_rois is not None:
            rows = choose(rows, sampling.mask_rois)
        boxes.append(s.boxes[rows])
        matched.append(s.matched[rows])
    rois = _rois(boxes)
    labels = torch.cat([t.labels[m] for t, m in zip(targets, matched, strict=True)])
    canvas = (features[0].shape[2] * STRIDES[0], features[0].shape[3] * STRIDES[0])

    def stage_target(size: int) -> Tensor:
        crops = [
            mask_targets(target.masks, image_boxes.cpu(), index.cpu(), size, canvas)
            for target, image_boxes, index in zip(targets, boxes, matched, strict=True)
        ]
        return torch.cat(crops).to(rois.device)

    head, config = model.roi_head.mask_head, model.config.mask_head
    if isinstance(head, FCNMaskHead):
        (logits,) = head(features, rois, labels)
        return {"mask": fcn_mask_loss(at_least_float32(logits), stage_target(28))}
    assert not isinstance(config, FCNMaskConfig)
    output = head(features, rois, labels)
    losses = {}
    if output.semantic is not None:
        expected = _semantic(targets, features[0], canvas)
        losses["semantic"] = semantic_loss(at_least_float32(output.semantic), expected)
    with torch.autocast(rois.device.type, enabled=False):
        losses["mask"] = boundary_aware_loss(
            [at_least_float32(stage) for stage in output.stages],
            [stage_target(size) for size in STAGE_SIZES],
            config.loss_weights,
            config.boundary_width,
        )
    return losses


def _semantic(targets: Sequence[Target], p2: Tensor, canvas: tuple[int, int]) -> Tensor:
    grid = (p2.shape[2], p2.shape[3])
    maps = [semantic_target(target.masks, target.size, canvas, grid) for target in targets]
    return torch.stack(maps).to(p2.device)


def _rois(boxes: Sequence[Tensor]) -> Tensor:
    index = torch.repeat_interleave(
        torch.arange(len(boxes), device=boxes[0].device),
        torch.tensor([len(b) for b in boxes], device=boxes[0].device),
    )
    return make_rois(index, torch.cat(list(boxes)))
