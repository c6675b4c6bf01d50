"""Anchors and box coding (SPEC 3.3)."""

import math

import torch
from torch import Tensor

MAX_LOG_RATIO = abs(math.log(16 / 1000))
ANCHOR_SCALE = 8
ANCHOR_RATIOS = (0.5, 1.0, 2.0)
"""Height over width of the three anchors of a cell."""


def grid_anchors(height: int, width: int, stride: int, device: torch.device) -> Tensor:
    """Return the anchors of a level, float32 (height * width * 3, 4) xyxy in pixels.

    Ordered by row, column and ratio; cell (y, x) has its centre at (x * stride, y * stride).
    """
    ratios = torch.tensor(ANCHOR_RATIOS, device=device).sqrt()
    half_w = ANCHOR_SCALE * stride / ratios / 2
    half_h = ANCHOR_SCALE * stride * ratios / 2
    x = (torch.arange(width, device=device) * stride).float()[None, :, None]
    y = (torch.arange(height, device=device) * stride).float()[:, None, None]
    shape = (height, width, len(ANCHOR_RATIOS))
    corners = [(x - half_w).expand(shape), (y - half_h).expand(shape)]
    corners += [(x + half_w).expand(shape), (y + half_h).expand(shape)]
    return torch.stack(corners, -1).reshape(-1, 4)


def decode_boxes(
    boxes: Tensor, deltas: Tensor, std: tuple[float, float, float, float] = (1, 1, 1, 1)
) -> Tensor:
    """Apply predicted deltas to boxes.

    Args:
        boxes: (..., 4) xyxy anchors or proposals, broadcast against `deltas`.
        deltas: (..., 4) normalised shifts of the centre and logarithms of the size ratio.
        std: what the deltas are multiplied by first.

    Returns:
        (..., 4) xyxy, not clipped.
    """
    deltas = deltas * torch.tensor(std, dtype=deltas.dtype, device=deltas.device)
    size = boxes[..., 2:] - boxes[..., :2]
    centre = (boxes[..., :2] + boxes[..., 2:]) * 0.5 + size * deltas[..., :2]
    size = size * deltas[..., 2:].clamp(-MAX_LOG_RATIO, MAX_LOG_RATIO).exp()
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
