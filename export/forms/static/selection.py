"""Suppression with outputs of fixed size, in plain PyTorch around `sorted_nms`.

What is selected is what `refinemask.ops.batched_nms.batched_nms` selects, and levels or classes are
kept apart by the same float32 arithmetic.
"""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from refinemask.inference.padded_outputs import MAX_CANDIDATES
from refinemask.ops.sorted_nms import sorted_nms


class Limits(NamedTuple):
    """The limits of a suppression, as `batched_nms` has them."""

    iou_threshold: float
    score_threshold: float
    max_per_image: int
    max_shifted: int | None = None
    first_shift: int = 0


class Selected(NamedTuple):
    """What a suppression keeps of each image, by descending score, padded to `max_per_image`."""

    boxes: Tensor
    """float32 (B, M, 4) xyxy; 0 where nothing is kept, as in all of these."""
    scores: Tensor
    """float32 (B, M)."""
    groups: Tensor
    """int64 (B, M), level or class."""
    valid: Tensor
    """bool (B, M), whether there is a box."""


def select_in_levels(boxes: Tensor, scores: Tensor, limits: Limits) -> Selected:
    """Suppress in each level, and keep the best of all levels.

    Args:
        boxes: float32 (B, K, L, 4) xyxy.
        scores: float32 (B, K, L); the candidates of a level are sorted by descending score.
        limits: of the suppression.
    """
    is_candidate = scores > limits.score_threshold
    levels = torch.arange(scores.shape[2], device=scores.device)
    shift = (levels + limits.first_shift) * _step(boxes, is_candidate, limits)[:, None, None]
    shifted = (boxes + shift[..., None]).transpose(1, 2).flatten(0, 1)
    is_candidate = is_candidate.transpose(1, 2).flatten(0, 1)
    kept = sorted_nms(shifted, is_candidate, limits.iou_threshold)
    kept = kept.unflatten(0, (-1, scores.shape[2])).transpose(1, 2)
    groups = levels.expand_as(scores).flatten(1)
    return _best(boxes.flatten(1, 2), scores.flatten(1), groups, kept.flatten(1), limits)


def select_in_classes(boxes: Tensor, scores: Tensor, limits: Limits) -> tuple[Selected, Tensor]:
    """Suppress in each class, among the best candidates of all classes.

    Args:
        boxes: float32 (B, K, C, 4) xyxy.
        scores: float32 (B, K, C).
        limits: of the suppression.

    Returns:
        What is selected, and bool (B,), whether there were more candidates than are considered.
    """
    is_candidate = scores > limits.score_threshold
    step = _step(boxes, is_candidate, limits)[:, None]
    considered = min(MAX_CANDIDATES, scores.shape[1] * scores.shape[2])
    best, index = scores.flatten(1).topk(considered)
    groups = index % scores.shape[2]
    boxes = _rows(boxes.flatten(1, 2), index)
    shift = (groups + limits.first_shift) * step
    kept = sorted_nms(
        boxes + shift[..., None],
        best > limits.score_threshold,
        limits.iou_threshold,
        None if limits.max_shifted is None else groups,
    )
    truncated = is_candidate.flatten(1).sum(1) > considered
    return _best(boxes, best, groups, kept, limits), truncated


def _step(boxes: Tensor, is_candidate: Tensor, limits: Limits) -> Tensor:
    """Return what each group of an image is moved by, float32 (B,)."""
    step = torch.where(is_candidate[..., None], boxes, 0.0).amax((1, 2, 3)) + 1
    if limits.max_shifted is None:
        return step
    return torch.where(is_candidate.sum((1, 2)) <= limits.max_shifted, step, 0.0)


def _best(boxes: Tensor, scores: Tensor, groups: Tensor, kept: Tensor, limits: Limits) -> Selected:
    """Choose the best of the boxes (B, N, 4) that are kept, bool (B, N)."""
    missing = max(limits.max_per_image - scores.shape[1], 0)
    ranked = F.pad(torch.where(kept, scores, -1.0), (0, missing), value=-1.0)
    best, index = ranked.topk(limits.max_per_image)
    index = index.clamp(max=scores.shape[1] - 1)
    valid = best > limits.score_threshold
    return Selected(
        torch.where(valid[..., None], _rows(boxes, index), 0.0),
        torch.where(valid, best, 0.0),
        torch.where(valid, groups.gather(1, index), 0),
        valid,
    )


def _rows(boxes: Tensor, index: Tensor) -> Tensor:
    """Return the boxes (B, M, 4) of indices (B, M) into boxes (B, N, 4)."""
    return boxes.gather(1, index[..., None].expand(-1, -1, 4))
