"""Greedy non-maximum suppression of boxes that are sorted already, with an output of fixed size."""

import torch
from torch import Tensor
from torchvision.ops import nms


@torch.library.custom_op("refinemask::sorted_nms", mutates_args=())
def sorted_nms(
    boxes: Tensor, candidates: Tensor, iou_threshold: float, groups: Tensor | None = None
) -> Tensor:
    """Tell which boxes a greedy suppression keeps, in each row of boxes by itself.

    Args:
        boxes: float32 (R, K, 4) xyxy, the best of a row first.
        candidates: bool (R, K); the others are not kept and suppress nothing.
        iou_threshold: boxes of a higher IoU with a better one that is kept are suppressed.
        groups: int64 (R, K); boxes of different groups do not suppress each other. None is one
            group.

    Returns:
        bool (R, K), whether a box is kept.
    """
    kept = torch.zeros_like(candidates)
    ranks = torch.arange(boxes.shape[1], 0, -1, dtype=torch.float32, device=boxes.device)
    for row in range(len(boxes)):
        members = groups[row] if groups is not None else torch.zeros_like(candidates[row])
        for group in members.unique():
            found = torch.nonzero(candidates[row] & (members == group))[:, 0]
            kept[row, found[nms(boxes[row, found], ranks[found], iou_threshold)]] = True
    return kept


@sorted_nms.register_fake
def _(
    boxes: Tensor, candidates: Tensor, iou_threshold: float, groups: Tensor | None = None
) -> Tensor:
    return torch.empty_like(candidates)
