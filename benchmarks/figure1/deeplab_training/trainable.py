"""DeepLabV3+ as it is trained: from ImageNet weights, with part of the encoder frozen."""

from typing import Self

import torch
from torch import Tensor, nn

from refinemask.benchmarks.figure1.deeplab import DeepLab
from refinemask.models.efficientnet_lite import EfficientNetLite
from refinemask.models.layers import freeze_batch_norm

_FROZEN = ("conv_stem", "bn1", "blocks.0", "blocks.1")
"""The first stages of the encoder, as many as `EfficientNetLite` freezes."""
_NORM_MOMENTUM = 0.01
"""The statistics of small batches are noisy: average them over about a hundred."""


class TrainableDeepLab(DeepLab):
    """DeepLabV3+ whose norms keep their statistics where small batches would spoil them."""

    def __init__(self, class_names: tuple[str, ...]) -> None:
        """Build the network with random weights and freeze the first stages of the encoder."""
        super().__init__(class_names)
        for name, parameter in self.network.encoder.named_parameters():
            if name.removeprefix("model.").startswith(_FROZEN):
                parameter.requires_grad_(False)

    def load_imagenet_weights(self) -> None:
        """Load the encoder's ImageNet weights, those that the small detectors start from.

        Raises:
            RefineMaskError: the package that ships them is not installed.
        """
        backbone = EfficientNetLite()
        backbone.load_imagenet_weights()
        # The networks differ only in names, so that their tensors come in the same order.
        names = self.network.encoder.state_dict()
        tensors = backbone.state_dict().values()
        self.network.encoder.load_state_dict(dict(zip(names, tensors, strict=True)))

    def train(self, mode: bool = True) -> Self:
        """Switch mode; the norms of the encoder and of the pooled branch stay in evaluation mode.

        The pooled branch has one value per image and channel, too few for statistics of a batch.
        """
        super().train(mode)
        freeze_batch_norm(self.network.encoder)
        freeze_batch_norm(self._pooled_branch)
        return self

    @torch.no_grad()
    def calibrate(self, batches: list[tuple[Tensor, Tensor]]) -> None:
        """Initialise the statistics of the decoder's norms with the average of a few batches.

        Args:
            batches: (images, image_sizes) as `forward` takes them.
        """
        norms = [m for m in self.network.decoder.modules() if isinstance(m, nn.BatchNorm2d)]
        for norm in norms:
            norm.momentum = None  # a plain average
            norm.reset_running_stats()
        self.network.decoder.train()
        for images, image_sizes in batches:
            self(images, image_sizes)
        for norm in norms:
            norm.momentum = _NORM_MOMENTUM
        self.train(self.training)

    @property
    def _pooled_branch(self) -> nn.Module:
        return self.network.decoder.aspp[0].convs[-1]
