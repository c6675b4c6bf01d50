"""The type of a form: what our operators become, and what a graph returns."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from refinemask.configs.config import ModelConfig
from refinemask.models import Detector

Shape = tuple[int | str, ...]
"""Sizes of a tensor; names stand for those that are only known when the graph runs."""
Detect = Callable[[Detector, Tensor, Tensor], tuple[Tensor, ...]]
"""From a model, normalised images (B, 3, H, W) and their sizes to the outputs of a graph."""


def detect_flat(detector: Detector, images: Tensor, image_sizes: Tensor) -> tuple[Tensor, ...]:
    """Return the outputs of `Detector.forward`, with probabilities as masks."""
    raw = detector(images, image_sizes)
    return tuple(raw._replace(masks=raw.masks.sigmoid()))


@dataclass(frozen=True)
class Form:
    """One form of exported graphs.

    Attributes:
        name: its name in options and metadata.
        translations: the ONNX function that each of our PyTorch operators becomes.
        detect: what is captured of a model.
        padded: whether it returns `PaddedOutputs`, in place of `RawOutputs`.
        sparse: whether it has the operators to compute only where it shows (`ops.places`).
    """

    name: str
    translations: Mapping[Callable[..., Any], Callable[..., Any]]
    detect: Detect = detect_flat
    padded: bool = False
    sparse: bool = False

    def outputs(self, config: ModelConfig, batch: int | str) -> dict[str, Shape]:
        """Return the outputs by name, in order, of a model and a number of images."""
        side = config.mask_head.mask_size
        if self.padded:
            found = batch, config.max_detections
            return {
                "boxes": (*found, 4),
                "scores": found,
                "labels": found,
                "masks": (*found, side, side),
                "num_detections": (batch,),
                "truncated": (batch,),
            }
        return {
            "boxes": ("detections", 4),
            "scores": ("detections",),
            "labels": ("detections",),
            "image_index": ("detections",),
            "masks": ("detections", side, side),
        }
