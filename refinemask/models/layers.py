"""Layers that several parts of the detector share."""

from collections.abc import Callable
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

_CHUNK = 16
"""RoIs; from 6 to 20 are equally fast."""


def at_least_float32(x: Tensor) -> Tensor:
    """Return float16 and bfloat16 as float32; leave float32 and float64 as they are."""
    return x if x.dtype == torch.float64 else x.float()


class DilatedConv2d(nn.Conv2d):
    """A convolution that autocast leaves in float32 on a CPU.

    The bfloat16 weight gradient of oneDNN writes out of bounds if the channels are not a multiple
    of 16: NaN or a crash, seen with 24 channels and PyTorch 2.14.
    """

    def forward(self, x: Tensor) -> Tensor:
        if x.device.type != "cpu" or not torch.is_autocast_enabled("cpu"):
            return super().forward(x)
        with torch.autocast("cpu", enabled=False):
            return super().forward(x.float())


class Conv(nn.Module):
    """A convolution with bias that keeps its input's size, named as in official checkpoints."""

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: int = 3, dilation: int = 1
    ) -> None:
        super().__init__()
        padding = dilation * (kernel_size // 2)
        kind = nn.Conv2d if dilation == 1 else DilatedConv2d
        self.conv = kind(in_channels, out_channels, kernel_size, padding=padding, dilation=dilation)

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


def in_chunks(function: Callable[..., list[Tensor]], *inputs: Tensor) -> list[Tensor]:
    """Call a function of RoIs, on a few of them at a time where that is faster.

    That is on a CPU, at inference: the features of a hundred RoIs do not fit the caches, and memory
    of their size is requested from the system again for every layer.

    Args:
        function: from tensors (K, ...) to tensors (K, ...), independent along K.
        inputs: what it gets.
    """
    if torch.is_grad_enabled() or torch.compiler.is_compiling() or not inputs[0].is_cpu:
        return function(*inputs)
    chunks = zip(*(values.split(_CHUNK) for values in inputs), strict=True)
    results = zip(*(function(*chunk) for chunk in chunks), strict=True)
    return [torch.cat(parts) for parts in results]


def freeze_batch_norm(module: nn.Module) -> None:
    """Keep the batch statistics of every norm fixed, also in training (numerics 2)."""
    for child in module.modules():
        if isinstance(child, nn.BatchNorm2d):
            child.eval()
