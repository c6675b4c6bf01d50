"""Fuse features over several ranges at once: the modules that both RefineMask heads share."""

from torch import Tensor, nn

from refinemask.models.layers import Conv, ConvReLU


class MultiBranchFusion(nn.Module):
    """Merge three dilated convolutions (RefineMask, Sec. 3.2; numerics 6)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.dilation_conv_1 = ConvReLU(channels, channels, dilation=1)
        self.dilation_conv_2 = ConvReLU(channels, channels, dilation=3)
        self.dilation_conv_3 = ConvReLU(channels, channels, dilation=5)
        self.merge_conv = Conv(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.merge_conv(self.branches(x))

    def branches(self, x: Tensor) -> Tensor:
        """Return the sum of the dilated convolutions of x (K, C, S, S)."""
        return self.dilation_conv_1(x) + self.dilation_conv_2(x) + self.dilation_conv_3(x)


class MultiBranchFusionAvg(MultiBranchFusion):
    """`MultiBranchFusion` with a fourth branch, the mean over the whole map."""

    def forward(self, x: Tensor) -> Tensor:
        return self.merge_conv(self.branches(x) + x.mean((2, 3), keepdim=True))
