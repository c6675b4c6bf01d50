"""ResNet backbones (numerics 2): torchvision's network without its classifier."""

from functools import partial
from typing import Self

from torch import Tensor, nn
from torchvision.models import resnet
from torchvision.ops import FrozenBatchNorm2d

from refinemask.configs.config import MMDETECTION, Conventions
from refinemask.models.layers import freeze_batch_norm

_BLOCKS = {"resnet50": [3, 4, 6, 3], "resnet101": [3, 4, 23, 3]}


class ResNet(resnet.ResNet):
    """Feature maps C2 to C5; batch norms never update, stem and first stage are frozen."""

    channels = (256, 512, 1024, 2048)

    def __init__(
        self, name: str, bn_eps: float = 1e-5, conventions: Conventions = MMDETECTION
    ) -> None:
        kind = FrozenBatchNorm2d if conventions.frozen_norms else nn.BatchNorm2d
        super().__init__(resnet.Bottleneck, _BLOCKS[name], norm_layer=partial(kind, eps=bn_eps))
        del self.avgpool, self.fc
        if conventions.stride_in_1x1:
            for layer in (self.layer2, self.layer3, self.layer4):
                first = layer[0]
                first.conv1.stride, first.conv2.stride = first.conv2.stride, first.conv1.stride
        for part in (self.conv1, self.bn1, self.layer1):
            part.requires_grad_(False)

    def forward(self, images: Tensor) -> list[Tensor]:
        """Map normalised images (B, 3, H, W) to C2..C5 at strides 4, 8, 16, 32."""
        x = self.maxpool(self.relu(self.bn1(self.conv1(images))))
        features = []
        for layer in (self.layer1, self.layer2, self.layer3, self.layer4):
            x = layer(x)
            features.append(x)
        return features

    def train(self, mode: bool = True) -> Self:
        super().train(mode)
        freeze_batch_norm(self)
        return self
