"""DeepLabV3+ that separates foreground from background: the semantic baseline of Figure 1.

The network is that of `segmentation-models-pytorch`. Its encoder is the backbone of the small
detectors, EfficientNet-Lite0, dilated to an output stride of 16, and images have the size that
those detectors see.
"""

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from refinemask.checkpoints.native_format import read_tensors, write_tensors
from refinemask.configs.presets import refinemask_small
from refinemask.errors import RefineMaskError
from refinemask.inference.processing import prepare
from refinemask.models.detector import normalise

ENCODER = "tu-efficientnet_lite0"
"""The backbone's name in segmentation-models-pytorch; it pads symmetrically like ours."""

_KEY = "refinemask-deeplab"
_NORM_EPSILON = 1e-3


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
        self.eval()

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


def save_deeplab(model: DeepLab, path: Path, training: dict[str, Any]) -> None:
    """Write weights, classes and provenance (JSON values) as safetensors, atomically."""
    tensors = {name: value.contiguous().cpu() for name, value in model.state_dict().items()}
    header = {"class_names": model.class_names, "encoder": ENCODER, "training": training}
    write_tensors(path, tensors, {_KEY: json.dumps(header)})


def load_deeplab(path: Path, device: str = "cpu") -> DeepLab:
    """Load what `save_deeplab` wrote; nothing in the file is executed.

    Raises:
        RefineMaskError: the file does not exist or is not a checkpoint of this network.
    """
    hint = (
        "make one in a checkout of the repository with: "
        "python -m refinemask.benchmarks.figure1.deeplab_training"
    )
    if not path.is_file():
        raise RefineMaskError(f"checkpoint {path} does not exist; {hint}")
    try:
        tensors, metadata = read_tensors(path)
    except RefineMaskError as error:
        raise RefineMaskError(f"{error}; {hint}") from error
    if _KEY not in metadata:
        raise RefineMaskError(
            f"{path} is not a checkpoint of DeepLabV3+ (give detectors with --model); {hint}"
        )
    try:
        model = DeepLab(tuple(json.loads(metadata[_KEY])["class_names"]))
        model.load_state_dict({name: tensor.clone() for name, tensor in tensors.items()})
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        reason = str(error).split("\n")[0]
        raise RefineMaskError(f"{path} does not fit DeepLabV3+ ({reason}); {hint}") from error
    return model.to(device).eval()
