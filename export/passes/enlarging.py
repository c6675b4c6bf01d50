"""What the heads that enlarge late are made of."""

from torch import Tensor, nn
from torch.nn import functional as F


def enlarged(maps: Tensor) -> Tensor:
    """Return maps (K, C, S, S) at twice their size, pixel centres in place."""
    return F.interpolate(maps, scale_factor=2.0, mode="bilinear", align_corners=False)


def convolution(weight: Tensor, bias: Tensor | None = None) -> nn.Conv2d:
    """Return the 1x1 convolution with a weight (O, I, 1, 1) and a bias (O,)."""
    out_channels, in_channels = weight.shape[:2]
    made = nn.Conv2d(in_channels, out_channels, 1, bias=bias is not None, device="meta")
    made.weight = nn.Parameter(weight.detach())
    if bias is not None:
        made.bias = nn.Parameter(bias.detach())
    return made
