"""Feature pyramid network (numerics 2)."""

from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn import functional as F

from refinemask.models.layers import Conv

STRIDES = (4, 8, 16, 32, 64)
"""Pixels per cell of P2 to P6."""


class FPN(nn.Module):
    """Turn C2..C5 into P2..P6 of equal width."""

    def __init__(self, in_channels: Sequence[int], channels: int) -> None:
        super().__init__()
        self.lateral_convs = nn.ModuleList(Conv(width, channels, 1) for width in in_channels)
        self.fpn_convs = nn.ModuleList(Conv(channels, channels, 3) for _ in in_channels)

    def forward(self, features: Sequence[Tensor]) -> list[Tensor]:
        """Map C2..C5 to [P2, ..., P6], each (B, channels, H / stride, W / stride)."""
        laterals = [conv(x) for conv, x in zip(self.lateral_convs, features, strict=True)]
        for i in range(len(laterals) - 1, 0, -1):
            size = laterals[i - 1].shape[-2:]
            laterals[i - 1] = laterals[i - 1] + F.interpolate(laterals[i], size=size)
        outputs = [conv(x) for conv, x in zip(self.fpn_convs, laterals, strict=True)]
        return [*outputs, F.max_pool2d(outputs[-1], 1, stride=2)]
