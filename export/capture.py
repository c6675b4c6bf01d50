"""Capture a detector as a PyTorch program with dynamic batch, height and width."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.export import Dim, ExportedProgram

from refinemask.errors import RefineMaskError
from refinemask.inference.metadata import InputLimits
from refinemask.models import Detector

DIVISOR, MIN_SIZE, MAX_SIZE = InputLimits.divisor, InputLimits.min_size, InputLimits.max_size
# With fewer, P6 has one cell, to which torch.export would specialise. Nothing in the ONNX graph
# depends on this bound: it holds for images of 32 x 32.
_MIN_DYNAMIC_CELLS = 3
# Two images, as torch.export specialises on one; sizes that differ, so as not to be taken for one.
_EXAMPLE_BATCH, _EXAMPLE_HEIGHT, _EXAMPLE_WIDTH = 2, 96, 160


def capture(
    model: Detector,
    normalized_input: bool = False,
    batch: int | None = None,
    height: int | None = None,
    width: int | None = None,
) -> ExportedProgram:
    """Trace the model by the input contract of artifacts; our operators stay whole.

    Args:
        model: what is traced; it is put in evaluation mode.
        normalized_input: take float32 normalised (B, 3, H, W) instead of uint8 (B, H, W, 3).
        batch: number of images; None keeps it dynamic, as for the other two.
        height: padded height in pixels.
        width: padded width in pixels.

    Returns:
        A program from images and image_sizes to boxes, scores, labels, image_index and masks
        (probabilities).

    Raises:
        RefineMaskError: a fixed size is not allowed.
    """
    _check(batch, height, width)
    shape = (batch or _EXAMPLE_BATCH, height or _EXAMPLE_HEIGHT, width or _EXAMPLE_WIDTH, 3)
    images = torch.zeros(shape, dtype=torch.uint8, device=model.device)
    if normalized_input:
        images = images.permute(0, 3, 1, 2).float()
    sizes = torch.tensor(shape[1:3], device=model.device).repeat(shape[0], 1)
    batch_size = Dim("batch") if batch is None else None
    sides = [_side(name, fixed) for name, fixed in (("height", height), ("width", width))]
    axes = (0, 2, 3) if normalized_input else (0, 1, 2)
    dynamic_images = dict(zip(axes, (batch_size, *sides), strict=True))
    with torch.no_grad():
        return torch.export.export(
            _Graph(model, normalized_input).eval(),
            (images, sizes),
            dynamic_shapes=(dynamic_images, {0: batch_size}),
        )


class _Graph(nn.Module):
    def __init__(self, detector: Detector, normalized_input: bool) -> None:
        super().__init__()
        self.detector = detector
        self.normalized_input = normalized_input

    def forward(self, images: Tensor, image_sizes: Tensor) -> tuple[Tensor, ...]:
        if not self.normalized_input:
            return tuple(self.detector.detect(images, image_sizes))
        raw = self.detector(images, image_sizes)
        return tuple(raw._replace(masks=raw.masks.sigmoid()))


def _side(name: str, fixed: int | None) -> Any:
    if fixed is not None:
        return None
    return DIVISOR * Dim(f"{name}_cells", min=_MIN_DYNAMIC_CELLS, max=MAX_SIZE // DIVISOR)


def _check(batch: int | None, height: int | None, width: int | None) -> None:
    if batch is not None and batch < 1:
        raise RefineMaskError(f"the batch of an artifact must be at least 1, got {batch}")
    for name, size in (("height", height), ("width", width)):
        if size is not None and (size % DIVISOR or not MIN_SIZE <= size <= MAX_SIZE):
            raise RefineMaskError(
                f"the fixed {name} of an artifact must be a multiple of {DIVISOR} from {MIN_SIZE} "
                f"to {MAX_SIZE}, got {size}"
            )
