"""Which boxes are trained as which ground truth, and which of them are sampled (numerics 12)."""

from collections.abc import Callable

import torch
from torch import Tensor
from torchvision.ops import box_iou

IGNORED, NEGATIVE = -2, -1

Choose = Callable[[Tensor, int], Tensor]
"""Picks at most so many of the given indices (K,) and returns them sorted."""


def assign(
    boxes: Tensor, targets: Tensor, positive_iou: float, negative_iou: float, min_best_iou: float
) -> Tensor:
    """Match boxes with ground truth by IoU.

    Every box takes its best target if their IoU reaches `positive_iou`. A target whose best IoU
    reaches `min_best_iou` also gets all boxes that have just that IoU, whatever else they overlap.

    Args:
        boxes: float32 (K, 4) xyxy.
        targets: float32 (G, 4) xyxy.

    Returns:
        int64 (K,): the index of the target, `NEGATIVE` or `IGNORED`.
    """
    assigned = torch.full((len(boxes),), NEGATIVE, dtype=torch.int64, device=boxes.device)
    if not len(targets) or not len(boxes):
        return assigned
    iou = box_iou(targets, boxes)
    best_iou, best_target = iou.max(0)
    assigned[best_iou >= negative_iou] = IGNORED
    positive = best_iou >= positive_iou
    assigned[positive] = best_target[positive]
    for index, (target_iou, best) in enumerate(zip(iou, iou.max(1).values, strict=True)):
        if best >= min_best_iou:
            assigned[target_iou == best] = index
    return assigned


def sample(
    assigned: Tensor, count: int, positive_share: float, choose: Choose
) -> tuple[Tensor, Tensor]:
    """Draw boxes to train on.

    Args:
        assigned: int64 (K,) as returned by `assign`.
        count: how many to draw.
        positive_share: largest share of positives; negatives fill up the rest.
        choose: the random choice.

    Returns:
        Sorted int64 indices of the positives and of the negatives.
    """
    positives = torch.nonzero(assigned >= 0)[:, 0]
    negatives = torch.nonzero(assigned == NEGATIVE)[:, 0]
    positives = choose(positives, int(count * positive_share))
    return positives, choose(negatives, count - len(positives))


def random_choice(generator: torch.Generator) -> Choose:
    """Return a choice without replacement that depends on the generator's state only."""

    def choose(indices: Tensor, count: int) -> Tensor:
        if len(indices) <= count:
            return indices
        order = torch.randperm(len(indices), generator=generator)[:count]
        return indices[order.to(indices.device)].sort().values

    return choose
