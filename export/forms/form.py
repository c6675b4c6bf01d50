"""The type of a form: what our operators become, and what a graph returns."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

Shape = tuple[int | str, ...]
"""Sizes of a tensor; names stand for those that are only known when the graph runs."""


@dataclass(frozen=True)
class Form:
    """One form of exported graphs.

    Attributes:
        name: its name in options and metadata.
        translations: the ONNX function that each of our PyTorch operators becomes.
    """

    name: str
    translations: Mapping[Callable[..., Any], Callable[..., Any]]

    def outputs(self, mask_size: int) -> dict[str, Shape]:
        """Return the outputs by name, in order, for masks of mask_size x mask_size pixels."""
        return {
            "boxes": ("detections", 4),
            "scores": ("detections",),
            "labels": ("detections",),
            "image_index": ("detections",),
            "masks": ("detections", mask_size, mask_size),
        }
