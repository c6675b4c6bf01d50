"""DeepLabV3+ that tells foreground from background: the semantic baseline of Figure 1.

The network is that of `segmentation-models-pytorch`. Its trunk is the EfficientNet-Lite0 of the
small detectors with the same ImageNet weights, dilated to an output stride of 16, and images come
in at the size that those detectors see.
"""

import json
from pathlib import Path
from typing import Any, Self

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from refinemask.checkpoints.native_format import write_tensors
from refinemask.configs.presets import refinemask_small
from refinemask.errors import RefineMaskError
from refinemask.inference.processing import prepare
from refinemask.models.detector import normalise
from refinemask.models.efficientnet_lite import EfficientNetLite
from refinemask.models.layers import freeze_batch_norm

ENCODER = "tu-efficientnet_lite0"
"""The trunk by its name in segmentation-models-pytorch; padded symmetrically like ours."""

_KEY = "refinemask-deeplab"
_NORM_EPSILON = 1e-3
_FROZEN = ("conv_stem", "bn1", "blocks.0", "blocks.1")
"""Of the trunk: as many first stages as `EfficientNetLite` freezes."""


class DeepLab(nn.Module):
    """DeepLabV3+ with one output: the logit of the foreground."""

    def __init__(self, class_names: tuple[str, ...]) -> None:
        """Build the network with random weights, in evaluation mode.

        Args:
            class_names: the classes that make up the foreground.
        """
        super().__init__()
        from segmentation_models_pytorch import DeepLabV3Plus

        self.class_names = class_names
        self.input = refinemask_small().input
        self.network = DeepLabV3Plus(
            ENCODER, encoder_weights=None, encoder_output_stride=16, in_channels=3, classes=1
        )
        for module in self.network.encoder.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.eps = _NORM_EPSILON
        for name, parameter in self.network.encoder.named_parameters():
            if name.removeprefix("model.").startswith(_FROZEN):
                parameter.requires_grad_(False)
        self.eval()

    def load_imagenet_weights(self) -> None:
        """Load the trunk's ImageNet weights, those that the small detectors start from.

        Raises:
            RefineMaskError: the package that ships them is not installed.
        """
        trunk = EfficientNetLite()
        trunk.load_imagenet_weights()
        # Both networks are the same up to the names, so their tensors come in the same order.
        names = self.network.encoder.state_dict()
        tensors = trunk.state_dict().values()
        self.network.encoder.load_state_dict(dict(zip(names, tensors, strict=True)))

    def forward(self, images: Tensor, image_sizes: Tensor) -> Tensor:
        """Return the logits of the foreground.

        Args:
            images: uint8 RGB (B, H, W, 3), padded to a multiple of 32.
            image_sizes: int64 (B, 2), (height, width) of each valid area.

        Returns:
            float32 (B, H, W).
        """
        x = normalise(images, image_sizes, self.input)
        return self.network(x.contiguous(memory_format=torch.channels_last))[:, 0]

    @torch.inference_mode()
    def foreground(self, image: NDArray[np.uint8]) -> NDArray[np.bool_]:
        """Find the foreground of one uint8 RGB image (H, W, 3).

        Returns:
            bool (H, W), true where the logit, interpolated to the image's grid, is at least 0.
        """
        prepared = prepare(image, self.input.short_side, self.input.long_side)
        device = next(self.parameters()).device
        images = torch.from_numpy(prepared.image)[None].to(device)
        logits = self(images, torch.tensor([prepared.size], device=device))[0].cpu().numpy()
        (height, width), (new_height, new_width) = prepared.size, prepared.original_size
        valid = np.ascontiguousarray(logits[:height, :width])
        return cv2.resize(valid, (new_width, new_height), interpolation=cv2.INTER_LINEAR) >= 0

    def train(self, mode: bool = True) -> Self:
        """Switch mode; the trunk's norms and that of the pooled branch stay as they are.

        The pooled branch has one value per image and channel: in a small batch its statistics would
        be noise.
        """
        super().train(mode)
        freeze_batch_norm(self.network.encoder)
        freeze_batch_norm(self._pooled_branch)
        return self

    @torch.no_grad()
    def calibrate(self, batches: list[tuple[Tensor, Tensor]]) -> None:
        """Give the decoder's norms the average statistics of a few batches to start from.

        Args:
            batches: (images, image_sizes) as `forward` takes them.
        """
        norms = [m for m in self.network.decoder.modules() if isinstance(m, nn.BatchNorm2d)]
        momenta = [norm.momentum for norm in norms]
        for norm in norms:
            norm.momentum = None  # a plain average
            norm.reset_running_stats()
        self.network.decoder.train()
        for images, image_sizes in batches:
            self(images, image_sizes)
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.momentum = momentum
        self.train(self.training)

    @property
    def _pooled_branch(self) -> nn.Module:
        return self.network.decoder.aspp[0].convs[-1]


def save_deeplab(model: DeepLab, path: Path, training: dict[str, Any]) -> None:
    """Write weights, classes and provenance (JSON values) as safetensors, atomically."""
    tensors = {name: value.contiguous().cpu() for name, value in model.state_dict().items()}
    header = {"class_names": model.class_names, "encoder": ENCODER, "training": training}
    write_tensors(path, tensors, {_KEY: json.dumps(header)})


def load_deeplab(path: Path, device: str = "cpu") -> DeepLab:
    """Load what `save_deeplab` wrote; nothing in the file is executed.

    Raises:
        RefineMaskError: there is no such file, or it is no checkpoint of this network.
    """
    hint = "make one with: python -m refinemask.benchmarks.figure1.deeplab_training.train"
    if not path.is_file():
        raise RefineMaskError(f"checkpoint {path} does not exist; {hint}")
    try:
        with safe_open(path, framework="pt") as file:
            text = (file.metadata() or {}).get(_KEY)
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise RefineMaskError(
            f"{path} is no readable safetensors checkpoint ({error}); {hint}"
        ) from error
    if text is None:
        raise RefineMaskError(
            f"{path} is no checkpoint of DeepLabV3+ (detectors go with --model); {hint}"
        )
    try:
        model = DeepLab(tuple(json.loads(text)["class_names"]))
        model.load_state_dict({name: tensor.clone() for name, tensor in tensors.items()})
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        reason = str(error).split("\n")[0]
        raise RefineMaskError(f"{path} does not fit DeepLabV3+ ({reason}); {hint}") from error
    return model.to(device).eval()
