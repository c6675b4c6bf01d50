"""Region proposal network (SPEC 3.3)."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from refinemask.models.boxes import ANCHOR_RATIOS, clip_boxes, decode_boxes, grid_anchors
from refinemask.models.fpn import STRIDES
from refinemask.ops.nms import batched_nms

NMS_IOU = 0.7
MAX_PROPOSALS = 1000


class RPNHead(nn.Module):
    """Score and regress three anchors in every cell of P2..P6."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        num_anchors = len(ANCHOR_RATIOS)
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
            deltas.append(self.rpn_reg(x).permute(0, 2, 3, 1).flatten(1).unflatten(1, (-1, 4)))
        return logits, deltas


def level_anchors(features: Sequence[Tensor]) -> list[Tensor]:
    """Return the float32 (A_l, 4) anchors of each level."""
    return [
        grid_anchors(feature.shape[2], feature.shape[3], stride, feature.device)
        for feature, stride in zip(features, STRIDES, strict=True)
    ]


def propose(
    logits: Sequence[Tensor],
    deltas: Sequence[Tensor],
    anchors: Sequence[Tensor],
    image_sizes: Tensor,
    pre_nms: int = 1000,
) -> tuple[Tensor, Tensor, Tensor]:
    """Select the best proposals of every image.

    Args:
        logits: per level (B, A_l).
        deltas: per level (B, A_l, 4).
        anchors: per level (A_l, 4).
        image_sizes: int64 (B, 2), height and width of the valid area.
        pre_nms: candidates of each level before suppression (2000 in training).

    Returns:
        image_index int64 (N,), boxes float32 (N, 4) xyxy in resized-image pixels and scores (N,),
        at most 1000 of an image, by image and then by descending score.
    """
    scores, boxes = [], []
    for level_logits, level_deltas, level_boxes in zip(logits, deltas, anchors, strict=True):
        level_scores, index = _top(level_logits.float().sigmoid(), pre_nms)
        selected = level_deltas.float().gather(1, index[..., None].expand(-1, -1, 4))
        scores.append(level_scores)
        boxes.append(clip_boxes(decode_boxes(level_boxes[index], selected), image_sizes))
    all_scores, all_boxes = torch.stack(scores, 2), torch.stack(boxes, 2)
    image, row, level = batched_nms(all_boxes, all_scores, NMS_IOU, 0.0, MAX_PROPOSALS).unbind(1)
    return image, all_boxes[image, row, level], all_scores[image, row, level]


def _top(scores: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Return the `count` best scores (B, count) and their indices; missing ones score -1.

    A fixed count lets levels of any size stack, and spares exported graphs a data-dependent TopK.
    """
    filler = scores.new_full((scores.shape[0], count), -1.0)
    best, index = torch.cat((scores, filler), 1).topk(count)
    return best, index.clamp(max=scores.shape[1] - 1)
