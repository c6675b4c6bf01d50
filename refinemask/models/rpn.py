"""Region proposal network (numerics 3)."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from refinemask.configs.config import MMDETECTION, Conventions
from refinemask.models.boxes import clip_boxes, decode_boxes, drop_small, grid_anchors
from refinemask.models.fpn import STRIDES
from refinemask.models.layers import at_least_float32
from refinemask.ops.batched_nms import batched_nms

LEAST_SCORE = -0.5
"""Below every score, which may be exactly 0, and above the -1 of what is no candidate."""


class RPNHead(nn.Module):
    """Score and regress the anchors in every cell of P2..P6."""

    def __init__(self, channels: int, conventions: Conventions = MMDETECTION) -> None:
        super().__init__()
        num_anchors = len(conventions.anchor_scales) * len(conventions.anchor_ratios)
        self.rpn_conv = nn.Conv2d(channels, channels, 3, padding=1)
        self.rpn_cls = nn.Conv2d(channels, num_anchors, 1)
        self.rpn_reg = nn.Conv2d(channels, num_anchors * 4, 1)

    def forward(self, features: Sequence[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
        """Predict on every level.

        Returns:
            Per level, logits (B, A_l) and deltas (B, A_l, 4) in the order of `grid_anchors`.
        """
        logits, deltas = [], []
        for feature in features:
            x = F.relu(self.rpn_conv(feature), inplace=True)
            logits.append(self.rpn_cls(x).permute(0, 2, 3, 1).flatten(1))
            deltas.append(self.rpn_reg(x).permute(0, 2, 3, 1).unflatten(3, (-1, 4)).flatten(1, 3))
        return logits, deltas


def level_anchors(
    features: Sequence[Tensor], conventions: Conventions = MMDETECTION
) -> list[Tensor]:
    """Return the float32 (A_l, 4) anchors of each level."""
    height, width = (side * STRIDES[0] for side in features[0].shape[2:])
    anchors = []
    for feature, stride in zip(features, STRIDES, strict=True):
        rows, columns = feature.shape[2:]
        step = (height // rows, width // columns) if conventions.stretch_anchors else None
        anchors.append(grid_anchors((rows, columns), stride, feature.device, step, conventions))
    return anchors


def propose(
    logits: Sequence[Tensor],
    deltas: Sequence[Tensor],
    anchors: Sequence[Tensor],
    image_sizes: Tensor,
    pre_nms: int | None = None,
    conventions: Conventions = MMDETECTION,
) -> tuple[Tensor, Tensor, Tensor]:
    """Select the best proposals of every image.

    Args:
        logits: per level (B, A_l).
        deltas: per level (B, A_l, 4).
        anchors: per level (A_l, 4).
        image_sizes: int64 (B, 2), height and width of the valid area.
        pre_nms: candidates of each level before suppression; default: the conventions'.
        conventions: how boxes are decoded, chosen and suppressed.

    Returns:
        image_index int64 (N,), boxes float32 (N, 4) xyxy in resized-image pixels and scores (N,),
        at most `max_proposals` of an image, by image and then by descending score.
    """
    all_boxes, all_scores = proposal_candidates(
        logits, deltas, anchors, image_sizes, pre_nms, conventions
    )
    image, row, level = batched_nms(
        all_boxes,
        all_scores,
        conventions.proposal_iou,
        LEAST_SCORE,
        conventions.max_proposals,
        conventions.max_shifted,
    ).unbind(1)
    return image, all_boxes[image, row, level], all_scores[image, row, level]


def proposal_candidates(
    logits: Sequence[Tensor],
    deltas: Sequence[Tensor],
    anchors: Sequence[Tensor],
    image_sizes: Tensor,
    pre_nms: int | None = None,
    conventions: Conventions = MMDETECTION,
) -> tuple[Tensor, Tensor]:
    """Decode the best anchors of every level; arguments as those of `propose`.

    Returns:
        boxes float32 (B, K, L, 4) xyxy in resized-image pixels and scores (B, K, L), those of a
        level by descending score but for the -1 of what is no candidate.
    """
    count = pre_nms or conventions.level_proposals
    best, chosen, start = [], [], []
    for level_logits, level_deltas, level_anchors in zip(logits, deltas, anchors, strict=True):
        scores, index = _top(at_least_float32(level_logits), count, conventions.rank_logits)
        best.append(scores)
        chosen.append(level_deltas.gather(1, index[..., None].expand(-1, -1, 4)))
        start.append(level_anchors[index])
    decoded = decode_boxes(
        torch.stack(start, 2),
        at_least_float32(torch.stack(chosen, 2)),
        conventions.proposal_stds,
        conventions.limit_shrinking,
    )
    boxes = clip_boxes(decoded, image_sizes)
    return boxes, drop_small(torch.stack(best, 2), boxes, conventions.min_proposal_side)


def _top(logits: Tensor, count: int, by_logit: bool) -> tuple[Tensor, Tensor]:
    """Return the `count` best scores (B, count) and their indices; missing ones score -1.

    A fixed count lets levels of any size stack, and spares exported graphs a data-dependent TopK.
    """
    ranked = logits if by_logit else logits.sigmoid()
    best, index = F.pad(ranked, (0, count), value=-torch.inf).topk(count)
    scores = best.sigmoid() if by_logit else best
    missing = index >= logits.shape[1]
    return torch.where(missing, -1.0, scores), index.clamp(max=logits.shape[1] - 1)
