"""Fuse features over several ranges at once: the modules that both RefineMask heads share."""

from collections.abc import Sequence
from functools import reduce
from operator import add

from torch import Tensor, nn

from refinemask.models.layers import Conv, ConvReLU


class MultiBranchFusion(nn.Module):
    """Merge dilated convolutions, three as published (RefineMask, Sec. 3.2; numerics 6)."""

    def __init__(self, channels: int, dilations: Sequence[int]) -> None:
        super().__init__()
        for index, dilation in enumerate(dilations):
            branch = ConvReLU(channels, channels, dilation=dilation)
            self.add_module(f"dilation_conv_{index + 1}", branch)
        self.merge_conv = Conv(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.merge_conv(self.branches(x))

    def branches(self, x: Tensor) -> Tensor:
        """Return the sum of the dilated convolutions of x (K, C, S, S)."""
        return reduce(add, (convolution(x) for convolution in self.dilated))

    @property
    def dilated(self) -> list[ConvReLU]:
        """The convolutions that `branches` adds."""
        return [child for child in self.children() if isinstance(child, ConvReLU)]


class MultiBranchFusionAvg(MultiBranchFusion):
    """`MultiBranchFusion` with a fourth branch, the mean over the whole map."""

    def forward(self, x: Tensor) -> Tensor:
        return self.merge_conv(self.branches(x) + x.mean((2, 3), keepdim=True))
