"""Anchors and box coding (numerics 3)."""

import math

import numpy as np
import torch
from torch import Tensor

from refinemask.configs.config import MMDETECTION, Conventions

MAX_LOG_RATIO = abs(math.log(16 / 1000))


def grid_anchors(
    cells: tuple[int, int],
    stride: int,
    device: torch.device,
    step: tuple[int, int] | None = None,
    conventions: Conventions = MMDETECTION,
) -> Tensor:
    """Return the A anchors of each cell of a level, float32 (rows * columns * A, 4) xyxy in pixels.

    Ordered by row, column, ratio and scale; cell (y, x) has its centre at (x * step, y * step).

    Args:
        cells: rows and columns.
        stride: pixels per cell as the level defines it, which sets the size of the anchors.
        device: where the result is.
        step: pixels from row to row and from column to column; `stride` by default.
        conventions: scales and ratios, and whether the corners of the cell at 0, 0 are rounded.
    """
    (rows, columns), (row_step, column_step) = cells, step or (stride, stride)
    half_widths, half_heights = _half_sides(stride, conventions)
    x = torch.arange(columns, device=device, dtype=torch.float32) * column_step
    y = torch.arange(rows, device=device, dtype=torch.float32) * row_step
    x = x.reshape(-1, 1, 1) + torch.tensor(half_widths, device=device)
    y = y.reshape(-1, 1, 1, 1) + torch.tensor(half_heights, device=device)
    shape = (rows, columns, len(half_widths), 2)
    return torch.stack((x.expand(shape), y.expand(shape)), -1).flatten(0, 2).flatten(1)


def _half_sides(
    stride: int, conventions: Conventions
) -> tuple[list[list[float]], list[list[float]]]:
    """Return what leads from a centre to the sides: low and high x, and y, of each anchor."""
    ratios = np.sqrt(np.array(conventions.anchor_ratios, np.float32))[:, None]
    sides = np.array(conventions.anchor_scales, np.float32) * np.float32(stride)
    half_w, half_h = (half.flatten() for half in (sides / ratios / 2, sides * ratios / 2))
    if conventions.round_anchors:
        half_w, half_h = half_w.round(), half_h.round()
    return np.stack((-half_w, half_w), 1).tolist(), np.stack((-half_h, half_h), 1).tolist()


def decode_boxes(
    boxes: Tensor,
    deltas: Tensor,
    std: tuple[float, float, float, float] = (1, 1, 1, 1),
    limit_shrinking: bool = True,
) -> Tensor:
    """Apply predicted deltas to boxes.

    Args:
        boxes: (..., 4) xyxy anchors or proposals, broadcast against `deltas`.
        deltas: (..., 4) normalised shifts of the centre and logarithms of the size ratio.
        std: what the deltas are multiplied by first.
        limit_shrinking: limit the factor on the size in both directions, not its growth alone.

    Returns:
        (..., 4) xyxy, not clipped.
    """
    # Rounded as in torchvision, to the last bit; that of mmdetection differs from it by one or two.
    weights = torch.tensor([1 / s for s in std], dtype=deltas.dtype, device=deltas.device)
    deltas = deltas / weights
    size = boxes[..., 2:] - boxes[..., :2]
    centre = boxes[..., :2] + size * 0.5 + size * deltas[..., :2]
    least = -MAX_LOG_RATIO if limit_shrinking else None
    size = size * deltas[..., 2:].clamp(least, MAX_LOG_RATIO).exp()
    return torch.cat((centre - size * 0.5, centre + size * 0.5), -1)


def encode_boxes(
    boxes: Tensor, targets: Tensor, std: tuple[float, float, float, float] = (1, 1, 1, 1)
) -> Tensor:
    """Return the deltas (K, 4) that `decode_boxes` turns from `boxes` into `targets` (K, 4)."""
    size = boxes[:, 2:] - boxes[:, :2]
    target_size = targets[:, 2:] - targets[:, :2]
    shift = (targets[:, :2] + targets[:, 2:] - boxes[:, :2] - boxes[:, 2:]) * 0.5 / size
    deltas = torch.cat((shift, (target_size / size).log()), 1)
    return deltas / torch.tensor(std, dtype=deltas.dtype, device=deltas.device)


def clip_boxes(boxes: Tensor, image_sizes: Tensor) -> Tensor:
    """Clip xyxy boxes (B, ..., 4) to images of int64 (B, 2) height and width."""
    limits = image_sizes[:, [1, 0, 1, 0]].to(boxes.dtype)
    limits = limits.reshape(-1, *(1,) * (boxes.dim() - 2), 4)
    return torch.minimum(boxes.clamp(min=0), limits)


def drop_small(scores: Tensor, boxes: Tensor, min_side: float) -> Tensor:
    """Return the scores (...), -1 where the box (..., 4) has a side below `min_side` pixels."""
    if not min_side:
        return scores
    shortest = (boxes[..., 2:] - boxes[..., :2]).amin(-1)
    return torch.where(shortest >= min_side, scores, -1.0)
