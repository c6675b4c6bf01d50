"""BoundaryRefine and PasteMasks against PyTorch, at the sizes of R50."""

from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import grid_sample, interpolate

from refinemask.benchmarks.operators.case import HEIGHT, OURS, WIDTH, Case, Operators, random_boxes
from refinemask.ops.boundary_refine import boundary_refine


def boundary_refine_case(operators: Operators, rng: np.random.Generator, size: int) -> Case:
    coarse, fine = _smooth(rng, 100, size), _smooth(rng, 100, 2 * size)
    inputs = {"coarse_logits": coarse.numpy(), "fine_logits": fine.numpy()}
    return Case(
        f"BoundaryRefine, 100 masks, {size} to {2 * size}",
        5.0,
        4 * (coarse.numel() + 2 * fine.numel()),
        {
            OURS: operators.ours("BoundaryRefine", inputs, {"refined": "FLOAT"}, boundary_width=1),
            "pytorch": lambda: boundary_refine(coarse, fine),
        },
        lambda ours, theirs: np.allclose(ours[0].numpy(), theirs.numpy(), atol=1e-5),
    )


def paste_masks_case(operators: Operators, rng: np.random.Generator) -> Case:
    masks, boxes = _smooth(rng, 100, 112).sigmoid()[:, 0], random_boxes(rng, 100)
    inputs = {
        "masks": masks.numpy(),
        "boxes": boxes,
        "size": np.array([HEIGHT, WIDTH], np.int64),
    }

    def same(ours: list[Any], theirs: Tensor) -> bool:
        return int((ours[0].numpy() != theirs.numpy()).sum()) <= 100  # of a hundred million

    return Case(
        f"PasteMasks, 100 masks of 112×112 into {HEIGHT}×{WIDTH}",
        20.0,
        masks.numel() * 4 + 100 * HEIGHT * WIDTH,
        {
            OURS: operators.ours("PasteMasks", inputs, {"pasted": "UINT8"}, threshold=0.5),
            "grid_sample, canvas": lambda: _paste_canvas(masks, torch.from_numpy(boxes)),
            "grid_sample, boxes": lambda: _paste_boxes(masks, torch.from_numpy(boxes)),
        },
        same,
        shown_only=["grid_sample, boxes"],
    )


def _smooth(rng: np.random.Generator, count: int, size: int) -> Tensor:
    """Return logits (count, 1, size, size) of blobs a quarter of the map wide."""
    coarse = torch.from_numpy(rng.standard_normal((count, 1, 6, 6), np.float32))
    return interpolate(coarse, size=(size, size), mode="bicubic", align_corners=True) * 4


def _paste_canvas(masks: Tensor, boxes: Tensor) -> Tensor:
    """Resample on the whole canvas, ten masks at a time: the grid of all takes 850 MB."""
    pasted = torch.empty((len(masks), HEIGHT, WIDTH), dtype=torch.bool)
    for start in range(0, len(masks), 10):
        part = slice(start, start + 10)
        pasted[part] = _sample(masks[part], boxes[part], 0, 0, WIDTH, HEIGHT)
    return pasted


def _paste_boxes(masks: Tensor, boxes: Tensor) -> Tensor:
    """Resample within one pixel of each box, as the official code does on a processor."""
    pasted = torch.zeros((len(masks), HEIGHT, WIDTH), dtype=torch.bool)
    low, high = boxes[:, :2].floor() - 1, boxes[:, 2:].ceil() + 1
    windows = torch.cat((low.clamp(min=0), high), 1).int().tolist()
    for canvas, mask, box, (x1, y1, x2, y2) in zip(pasted, masks, boxes, windows, strict=True):
        right, bottom = min(x2, WIDTH), min(y2, HEIGHT)
        canvas[y1:bottom, x1:right] = _sample(mask[None], box[None], x1, y1, right, bottom)[0]
    return pasted


def _sample(masks: Tensor, boxes: Tensor, left: int, top: int, right: int, bottom: int) -> Tensor:
    """Return bool (N, bottom - top, right - left): the masks resampled there (SPEC 3.9)."""
    x1, y1, x2, y2 = boxes[..., None].unbind(1)
    columns = (torch.arange(left, right) + 0.5 - x1) / (x2 - x1) * 2 - 1
    rows = (torch.arange(top, bottom) + 0.5 - y1) / (y2 - y1) * 2 - 1
    shape = (len(masks), bottom - top, right - left)
    grid = torch.stack((columns[:, None].expand(shape), rows[:, :, None].expand(shape)), -1)
    return grid_sample(masks[:, None], grid, align_corners=False)[:, 0] >= 0.5
