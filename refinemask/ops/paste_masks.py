"""Pasting of masks into an image: the reference of the operator PasteMasks (numerics 9)."""

import torch
from torch import Tensor
from torch.nn import functional as F


def paste_masks(
    masks: Tensor, boxes: Tensor, size: tuple[int, int], threshold: float = 0.5
) -> Tensor:
    """Paste masks on the whole canvas, bilinearly and with zeros outside of each mask.

    Args:
        masks: float32 (N, M, M), probabilities inside the boxes.
        boxes: float32 (N, 4), xyxy in pixels of the canvas.
        size: height H and width W of the canvas.
        threshold: lowest probability that sets a pixel.

    Returns:
        bool (N, H, W).
    """
    height, width = size
    return resample(masks, boxes, (0, 0, width, height)) >= threshold


def resample(masks: Tensor, boxes: Tensor, window: tuple[int, int, int, int]) -> Tensor:
    """Return the probabilities (N, bottom - top, right - left) at the pixels of a window.

    Args:
        masks: as in `paste_masks`.
        boxes: as in `paste_masks`.
        window: left, top, right and bottom, in pixels of the canvas.
    """
    left, top, right, bottom = window
    x1, y1, x2, y2 = boxes[..., None].unbind(1)
    columns = (torch.arange(left, right) + 0.5 - x1) / (x2 - x1) * 2 - 1
    rows = (torch.arange(top, bottom) + 0.5 - y1) / (y2 - y1) * 2 - 1
    shape = (len(masks), bottom - top, right - left)
    grid = torch.stack((columns[:, None].expand(shape), rows[:, :, None].expand(shape)), -1)
    return F.grid_sample(masks[:, None], grid, align_corners=False)[:, 0]
