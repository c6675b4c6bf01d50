"""PasteMasks against PyTorch, with 100 masks in an image of the size of R50's."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from refinemask.benchmarks.operators.case import HEIGHT, WIDTH, Case, random_boxes
from refinemask.benchmarks.operators.mask_logits import smooth_logits
from refinemask.benchmarks.operators.onnx_sessions import Sessions
from refinemask.ops.paste_masks import paste_masks, resample


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
        pasted[part] = paste_masks(masks[part], boxes[part], (HEIGHT, WIDTH))
    return pasted


def _paste_boxes(masks: Tensor, boxes: Tensor) -> Tensor:
    """Resample within one pixel of each box, as the official code does on a CPU."""
    pasted = torch.zeros((len(masks), HEIGHT, WIDTH), dtype=torch.bool)
    low, high = boxes[:, :2].floor() - 1, boxes[:, 2:].ceil() + 1
    windows = torch.cat((low.clamp(min=0), high), 1).int().tolist()
    for canvas, mask, box, (x1, y1, x2, y2) in zip(pasted, masks, boxes, windows, strict=True):
        right, bottom = min(x2, WIDTH), min(y2, HEIGHT)
        values = resample(mask[None], box[None], (x1, y1, right, bottom))
        canvas[y1:bottom, x1:right] = values[0] >= 0.5
    return pasted
