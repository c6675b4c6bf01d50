"""PasteMasks against PyTorch, with 100 masks in an image of the size of R50's."""

from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import grid_sample

from refinemask.benchmarks.operators.case import HEIGHT, WIDTH, Case, random_boxes
from refinemask.benchmarks.operators.mask_logits import smooth_logits
from refinemask.benchmarks.operators.onnx_sessions import Sessions


def paste_masks_case(sessions: Sessions, rng: np.random.Generator) -> Case:
    """100 masks of 112 × 112 thresholded on the canvas of the image."""
    masks, boxes = smooth_logits(rng, 100, 112).sigmoid()[:, 0], random_boxes(rng, 100)
    inputs = {
        "masks": masks.numpy(),
        "boxes": boxes,
        "size": np.array([HEIGHT, WIDTH], np.int64),
    }

    def same(ours: list[Any], theirs: Tensor) -> bool:
        return int((ours[0].numpy() != theirs.numpy()).sum()) <= 100  # of a hundred million

    return Case(
        name=f"PasteMasks, 100 masks of 112×112 into {HEIGHT}×{WIDTH}",
        target=20.0,
        bytes=masks.numel() * 4 + 100 * HEIGHT * WIDTH,
        ours=sessions.operator("PasteMasks", inputs, {"pasted": "UINT8"}, threshold=0.5),
        baselines={
            "grid_sample, canvas": lambda: _paste_canvas(masks, torch.from_numpy(boxes)),
            "grid_sample, boxes": lambda: _paste_boxes(masks, torch.from_numpy(boxes)),
        },
        agree=same,
        shown_only=["grid_sample, boxes"],
    )


def _paste_canvas(masks: Tensor, boxes: Tensor) -> Tensor:
    """Resample on the whole canvas, ten masks at a time: a grid for all would take 850 MB."""
    pasted = torch.empty((len(masks), HEIGHT, WIDTH), dtype=torch.bool)
    for start in range(0, len(masks), 10):
        part = slice(start, start + 10)
        pasted[part] = _sample(masks[part], boxes[part], 0, 0, WIDTH, HEIGHT)
    return pasted


def _paste_boxes(masks: Tensor, boxes: Tensor) -> Tensor:
    """Resample within one pixel of each box, as the official code does on a CPU."""
    pasted = torch.zeros((len(masks), HEIGHT, WIDTH), dtype=torch.bool)
    low, high = boxes[:, :2].floor() - 1, boxes[:, 2:].ceil() + 1
    windows = torch.cat((low.clamp(min=0), high), 1).int().tolist()
    for canvas, mask, box, (x1, y1, x2, y2) in zip(pasted, masks, boxes, windows, strict=True):
        right, bottom = min(x2, WIDTH), min(y2, HEIGHT)
        canvas[y1:bottom, x1:right] = _sample(mask[None], box[None], x1, y1, right, bottom)[0]
    return pasted


def _sample(masks: Tensor, boxes: Tensor, left: int, top: int, right: int, bottom: int) -> Tensor:
    """Return bool (N, bottom - top, right - left): the masks resampled there (numerics 9)."""
    x1, y1, x2, y2 = boxes[..., None].unbind(1)
    columns = (torch.arange(left, right) + 0.5 - x1) / (x2 - x1) * 2 - 1
    rows = (torch.arange(top, bottom) + 0.5 - y1) / (y2 - y1) * 2 - 1
    shape = (len(masks), bottom - top, right - left)
    grid = torch.stack((columns[:, None].expand(shape), rows[:, :, None].expand(shape)), -1)
    return grid_sample(masks[:, None], grid, align_corners=False)[:, 0] >= 0.5
