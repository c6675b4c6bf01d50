"""Training augmentation: multi-scale resize, horizontal flip and mild colour jitter.

Every draw comes from the generator that the caller gives: a sample is a function of its seed.
"""

from dataclasses import dataclass, replace

import numpy as np
import torch
from torchvision import tv_tensors
from torchvision.transforms.v2 import functional

from refinemask.data.dataset import Sample
from refinemask.errors import RefineMaskError
from refinemask.inference import processing
from refinemask.inference.sizes import resized_size

_JITTER = 0.2
"""Brightness, contrast and saturation are multiplied by 1 - _JITTER to 1 + _JITTER."""
_HUE_JITTER = 0.02
"""Hue is shifted by up to this part of the colour circle."""


@dataclass(frozen=True)
class TrainTransform:
    """What training does to each sample.

    Attributes:
        short_sides: target lengths of the shorter side, in pixels; one is drawn per sample.
        long_side: upper bound of the longer side, in pixels.
        flip: probability of mirroring left to right.
        color_jitter: vary brightness, contrast, saturation and hue a little.
    """

    short_sides: tuple[int, ...]
    long_side: int
    flip: float = 0.5
    color_jitter: bool = False

    def __post_init__(self) -> None:
        if not self.short_sides or not 1 <= min(self.short_sides) <= self.long_side:
            raise RefineMaskError(
                "training sizes must be one or more short sides of 1 to the long side, got "
                f"{self.short_sides} and {self.long_side}"
            )
        if not 0 <= self.flip <= 1:
            raise RefineMaskError(f"the flip probability must be 0 to 1, got {self.flip}")

    def __call__(self, sample: Sample, generator: torch.Generator) -> Sample:
        """Transform one sample; the same generator state gives the same result."""
        choice = int(torch.randint(len(self.short_sides), (1,), generator=generator))
        mirrored = float(torch.rand(1, generator=generator)) < self.flip
        height, width = sample.image.shape[:2]
        sample = resize(
            sample, *resized_size(height, width, self.short_sides[choice], self.long_side)
        )
        if mirrored:
            sample = hflip(sample)
        return jitter(sample, generator) if self.color_jitter else sample


def resize(sample: Sample, height: int, width: int) -> Sample:
    """Resize to (height, width) as the official code does: OpenCV's INTER_LINEAR (numerics 1).

    Boxes follow with separate factors for x and y, from these rounded sizes.
    """
    old_height, old_width = sample.image.shape[:2]
    if (height, width) == (old_height, old_width):
        return sample
    factors = np.array([width / old_width, height / old_height] * 2, np.float32)
    return replace(
        sample,
        image=processing.resize(sample.image, height, width),
        boxes=sample.boxes * factors,
        masks=tuple(m.resize(old_height, old_width, height, width) for m in sample.masks),
    )


def hflip(sample: Sample) -> Sample:
    """Mirror left to right: x becomes width - x."""
    height, width = sample.image.shape[:2]
    boxes = tv_tensors.BoundingBoxes(
        torch.from_numpy(sample.boxes),
        format=tv_tensors.BoundingBoxFormat.XYXY,
        canvas_size=(height, width),
    )
    return replace(
        sample,
        image=np.ascontiguousarray(sample.image[:, ::-1]),
        boxes=functional.horizontal_flip(boxes).as_subclass(torch.Tensor).numpy(),
        masks=tuple(mask.hflip(width) for mask in sample.masks),
    )


def jitter(sample: Sample, generator: torch.Generator) -> Sample:
    """Vary brightness, contrast, saturation and hue a little."""
    strength = torch.tensor([_JITTER, _JITTER, _JITTER, _HUE_JITTER])
    draws = (torch.rand(4, generator=generator) * 2 - 1) * strength
    brightness, contrast, saturation, hue = draws.tolist()
    image = torch.from_numpy(np.ascontiguousarray(sample.image)).permute(2, 0, 1)
    image = functional.adjust_brightness(image, 1 + brightness)
    image = functional.adjust_contrast(image, 1 + contrast)
    image = functional.adjust_saturation(image, 1 + saturation)
    image = functional.adjust_hue(image, hue)
    return replace(sample, image=np.ascontiguousarray(image.permute(1, 2, 0).numpy()))
