"""Which level of a feature pyramid a box belongs to (numerics 4)."""

import torch
from torch import Tensor

FINEST_SCALE = 56.0
"""RoIs whose side is below twice this many pixels use the finest level."""


def assign_levels(boxes: Tensor, num_levels: int, epsilon_after_log: bool = False) -> Tensor:
    """Return the int64 (K,) level of each xyxy box (K, 4), from 0 to `num_levels` - 1."""
    area = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    return side_levels(area.sqrt(), epsilon_after_log).clamp(0, num_levels - 1).long()


def side_levels(side: Tensor, epsilon_after_log: bool) -> Tensor:
    """Return floor(log2(side / 56)) for the square roots (K,) of areas, as floats and not clamped.

    An epsilon takes sides just below 56 * 2^l to level l. mmdetection adds it before the logarithm;
    torchvision adds it after, and counts from P4, which decides the same but for a few floats.
    """
    if epsilon_after_log:
        return torch.floor(4 + torch.log2(side / (4 * FINEST_SCALE)) + 1e-6) - 2
    return torch.floor(torch.log2(side / FINEST_SCALE + 1e-6))
