"""Losses of the mask heads (RefineMask, Sec. 3.3; numerics 10 and 13)."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from refinemask.ops.boundary_refine import boundary_region, resize_aligned
from refinemask.training.distributed import mean_count


def fcn_mask_loss(logits: Tensor, target: Tensor) -> Tensor:
    """Return the mean binary cross-entropy of logits (K, 1, S, S) and targets (K, S, S)."""
    return mean_cross_entropy(logits[:, 0], target)


def mean_cross_entropy(logits: Tensor, target: Tensor) -> Tensor:
    """Return the binary cross-entropy per element, over the batches of all processes."""
    total = F.binary_cross_entropy_with_logits(logits, target.to(logits), reduction="sum")
    return total / mean_count(logits.numel(), logits.device)


def boundary_aware_loss(
    logits: Sequence[Tensor],
    targets: Sequence[Tensor],
    weights: Sequence[float],
    boundary_width: int,
    start_stage: int = 1,
) -> Tensor:
    """Train coarse stages everywhere and finer ones only near boundaries.

    From the stage after `start_stage` on, the loss counts where the outline of the prediction or of
    the ground truth of the stage before is near; the prediction is composed as at inference.

    Args:
        logits: per stage (K, 1, S, S), each stage twice the size of the one before.
        targets: per stage float32 (K, S, S), 0 or 1.
        weights: of each stage.
        boundary_width: of the trained region, in pixels of the stage before.
        start_stage: the last stage that is trained everywhere.
    """
    total = logits[0].new_zeros(())
    predicted = torch.empty(0)
    for stage, (stage_logits, target, weight) in enumerate(
        zip(logits, targets, weights, strict=True)
    ):
        if stage <= start_stage:
            loss = mean_cross_entropy(stage_logits[:, 0], target)
            predicted = stage_logits.detach() >= 0
        else:
            size = stage_logits.shape[-1]
            outlined = boundary_region(targets[stage - 1][:, None] >= 0.5, boundary_width)
            region = _grow(boundary_region(predicted, boundary_width) | outlined, size)
            pixel_loss = F.binary_cross_entropy_with_logits(
                stage_logits, target[:, None].to(stage_logits), reduction="none"
            )
            loss = (pixel_loss * region).sum() / mean_count(region.sum())
            predicted = _compose(predicted, logits[stage - 1].detach(), stage_logits.detach())
        total = total + weight * loss
    return total


def semantic_loss(logits: Tensor, target: Tensor) -> Tensor:
    """Return the mean cross-entropy of logits (B, 1, h, w) and foreground targets (B, h, w)."""
    return mean_cross_entropy(logits[:, 0], target)


def _grow(region: Tensor, size: int) -> Tensor:
    return resize_aligned(region.float(), size) >= 0.5


def _compose(predicted: Tensor, coarse_logits: Tensor, fine_logits: Tensor) -> Tensor:
    """Return the mask (K, 1, 2S, 2S): fine near the outline of `predicted`, coarse elsewhere."""
    size = fine_logits.shape[-1]
    near = _grow(boundary_region(predicted, width=1), size)
    return torch.where(near, fine_logits, resize_aligned(coarse_logits, size)) >= 0
