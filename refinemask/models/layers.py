"""Layers that several parts of the detector share."""

from itertools import pairwise

from torch import Tensor, nn
from torch.nn import functional as F


class Conv(nn.Module):
    """A convolution with bias that keeps its input's size, named as in official checkpoints."""

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: int = 3, dilation: int = 1
    ) -> None:
        super().__init__()
        padding = dilation * (kernel_size // 2)
        self.conv = nn.Conv2d(
            in_channels, out_channels, kernel_size, padding=padding, dilation=dilation
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x)


class ConvReLU(Conv):
    """`Conv` followed by a ReLU."""

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.conv(x), inplace=True)


def conv_stack(in_channels: int, channels: int, count: int) -> nn.Sequential:
    """Return `count` 3x3 convolutions, each followed by a ReLU."""
    widths = [in_channels, *[channels] * count]
    return nn.Sequential(*(ConvReLU(*pair) for pair in pairwise(widths)))


def freeze_batch_norm(module: nn.Module) -> None:
    """Keep the batch statistics of every norm fixed, also in training (SPEC 3.2)."""
    for child in module.modules():
        if isinstance(child, nn.BatchNorm2d):
            child.eval()
