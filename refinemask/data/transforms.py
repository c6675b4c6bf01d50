"""Training augmentation: zooming in, multi-scale resize, horizontal flip and mild colour jitter.

Every draw comes from the generator that the caller gives: a sample is a function of its seed.
"""

from dataclasses import dataclass, replace

import numpy as np
import torch
from torchvision import tv_tensors
from torchvision.transforms.v2 import functional

from refinemask.data.dataset import MIN_IMAGE_SIDE, Sample
from refinemask.data.usable import box_problem
from refinemask.errors import RefineMaskError
from refinemask.inference import processing
from refinemask.inference.sizes import resized_size

_JITTER = 0.2
"""Brightness, contrast and saturation are multiplied by 1 - _JITTER to 1 + _JITTER."""
_HUE_JITTER = 0.02
"""Hue is shifted by up to this part of the colour circle."""
_WINDOW = (0.6, 1.6)
"""Side of the window that is zoomed into, by the square root of the area of the instance's box."""
_STRETCH = 16 / 9
"""The window is up to this many times wider than high, or higher than wide."""
_SMALLEST = 0.25
"""The sides of the smallest window: this part of the image's, in the geometric mean."""


@dataclass(frozen=True)
class TrainTransform:
    """What training does to each sample.

    Attributes:
        short_sides: target lengths of the shorter side, in pixels; one is drawn per sample.
        long_side: upper bound of the longer side, in pixels.
        flip: probability of mirroring left to right.
        color_jitter: vary brightness, contrast, saturation and hue a little.
        zoom: probability of enlarging a random window around an instance.
    """

    short_sides: tuple[int, ...]
    long_side: int
    flip: float = 0.5
    color_jitter: bool = False
    zoom: float = 0.0

    def __post_init__(self) -> None:
        if not self.short_sides or not 1 <= min(self.short_sides) <= self.long_side:
            raise RefineMaskError(
                "training sizes must be one or more short sides of 1 to the long side, got "
                f"{self.short_sides} and {self.long_side}"
            )
        for name, probability in (("flip", self.flip), ("zoom", self.zoom)):
            if not 0 <= probability <= 1:
                raise RefineMaskError(f"the {name} probability must be 0 to 1, got {probability}")

    def __call__(self, sample: Sample, generator: torch.Generator) -> Sample:
        """Transform one sample; the same generator state gives the same result."""
        choice = int(torch.randint(len(self.short_sides), (1,), generator=generator))
        mirrored = float(torch.rand(1, generator=generator)) < self.flip
        if self.zoom and float(torch.rand(1, generator=generator)) < self.zoom:
            sample = zoom_in(sample, generator)
        height, width = sample.image.shape[:2]
        sample = resize(
            sample, *resized_size(height, width, self.short_sides[choice], self.long_side)
        )
        if mirrored:
            sample = hflip(sample)
        return jitter(sample, generator) if self.color_jitter else sample


def zoom_in(sample: Sample, generator: torch.Generator) -> Sample:
    """Cut out a random window around a random instance, as a close-up shows it.

    The window's centre is anywhere in the box of the instance, and its size close to that of the
    box, so that mostly the instance is large in it and cut off by one to three of its edges.
    A sample of which nothing usable would remain is returned as it is.
    """
    if not len(sample.boxes):
        return sample
    choice = int(torch.randint(len(sample.boxes), (1,), generator=generator))
    size, shape, *place = torch.rand(4, generator=generator).tolist()
    corner, opposite = sample.boxes[choice].reshape(2, 2).astype(np.float64)
    limits = np.array(sample.image.shape[1::-1])
    smallest = max(MIN_IMAGE_SIDE, _SMALLEST * float(np.sqrt(limits.prod())))
    side = float(np.sqrt((opposite - corner).prod())) * (_WINDOW[0] + size * np.ptp(_WINDOW))
    stretch = _STRETCH ** (shape - 0.5)
    window = max(side, smallest) * np.array([stretch, 1 / stretch])
    window = np.minimum(np.maximum(window.round().astype(int), MIN_IMAGE_SIDE), limits)
    start = (corner + (opposite - corner) * place - window / 2).round().astype(int)
    left, top = np.clip(start, 0, limits - window).tolist()
    width, height = window.tolist()
    cut = crop(sample, left, top, height, width)
    return cut if len(cut.boxes) else sample


def crop(sample: Sample, left: int, top: int, height: int, width: int) -> Sample:
    """Cut a sample to a window in its image.

    Instances are cut with it: their boxes enclose what is seen of them. Those that training cannot
    use are left out (numerics 14).
    """
    limits = np.array([width, height] * 2)
    kept = []
    for index, (box, mask) in enumerate(zip(sample.boxes, sample.masks, strict=True)):
        box = box - np.array([left, top] * 2, np.float32)
        mask = mask.crop(left, top, height, width)
        if (box < 0).any() or (box > limits).any():
            seen = np.argwhere(mask.to_bitmap(height, width))[:, ::-1]
            if not len(seen):
                continue
            extent = np.concatenate([seen.min(0), seen.max(0) + 1])
            box = np.concatenate([np.maximum(box, extent)[:2], np.minimum(box, extent)[2:]])
        x1, y1, x2, y2 = box.tolist()
        if box_problem((x1, y1, x2 - x1, y2 - y1), height, width) is None:
            kept.append((index, box, mask))
    return replace(
        sample,
        image=sample.image[top : top + height, left : left + width],
        boxes=np.array([box for _, box, _ in kept], np.float32).reshape(-1, 4),
        labels=sample.labels[[index for index, *_ in kept]],
        masks=tuple(mask for *_, mask in kept),
    )


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
