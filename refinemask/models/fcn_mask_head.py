"""The mask head of Mask R-CNN (numerics 10)."""

from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn import functional as F

from refinemask.configs.config import MMDETECTION, Conventions, FCNMaskConfig
from refinemask.models.layers import conv_stack
from refinemask.models.mask_logits import class_logits
from refinemask.models.roi_pooler import RoIPooler

ROI_SIZE = 14


class FCNMaskHead(nn.Module):
    """Four convolutions, one transposed convolution and a classifier at 28x28."""

    def __init__(
        self,
        config: FCNMaskConfig,
        in_channels: int,
        num_classes: int,
        conventions: Conventions = MMDETECTION,
    ) -> None:
        super().__init__()
        self.pool = RoIPooler(ROI_SIZE, conventions=conventions)
        channels = config.channels
        self.convs = conv_stack(in_channels, channels, config.num_convs)
        self.upsample = nn.ConvTranspose2d(channels, channels, 2, stride=2)
        self.conv_logits = nn.Conv2d(channels, num_classes, 1)

    def forward(self, features: Sequence[Tensor], rois: Tensor, labels: Tensor) -> list[Tensor]:
        """Predict the mask of each RoI for its class.

        Args:
            features: P2..P5 (or more levels, unused), each (B, C, H_l, W_l).
            rois: float32 (K, 5): image index and xyxy in resized-image pixels.
            labels: int64 (K,).

        Returns:
            One stage: logits (K, 1, 28, 28).
        """
        x = self.convs(self.pool(features, rois))
        return [class_logits(F.relu(self.upsample(x), inplace=True), self.conv_logits, labels)]

    def final_logits(self, features: Sequence[Tensor], rois: Tensor, labels: Tensor) -> Tensor:
        """Return the mask logits (K, 1, 28, 28); arguments as in `forward`."""
        return self(features, rois, labels)[-1]
