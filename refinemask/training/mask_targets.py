"""Training targets of the mask heads, cut from instance masks (numerics 12)."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional
from torchvision.ops import roi_align

from refinemask.data.masks import BitmapMask, InstanceMask, PolygonMask, affine, rasterise


def mask_targets(
    masks: Sequence[InstanceMask],
    boxes: Tensor,
    indices: Tensor,
    size: int,
    canvas: tuple[int, int],
) -> Tensor:
    """Cut the mask targets of one image's positive RoIs (numerics 12.3).

    Args:
        masks: the image's instances.
        boxes: float32 (K, 4), xyxy in pixels of the (resized) image; clipped to the canvas first.
        indices: int64 (K,), the instance of each box.
        size: side of the targets, in pixels.
        canvas: (height, width) of the area in which masks live.

    Returns:
        float32 0/1 (K, size, size) on the device of `boxes`.
    """
    height, width = canvas
    limits = torch.tensor([width, height, width, height], dtype=torch.float32)
    clipped = boxes.detach().float().cpu().clamp(min=0).minimum(limits)
    owners = indices.cpu().numpy()
    targets = torch.zeros(len(clipped), size, size, dtype=torch.float32)
    for owner in np.unique(owners).tolist():
        rows = torch.from_numpy(np.flatnonzero(owners == owner))
        mask = masks[owner]
        if isinstance(mask, PolygonMask):
            targets[rows] = _polygon_targets(mask, clipped[rows], size)
        else:
            targets[rows] = _bitmap_targets(mask, clipped[rows], size, canvas)
    return targets.to(boxes.device)


def semantic_target(
    masks: Sequence[InstanceMask],
    image_size: tuple[int, int],
    canvas: tuple[int, int],
    grid: tuple[int, int],
) -> Tensor:
    """Make the foreground target of the semantic head: the union of all instances (numerics 12.4).

    Args:
        masks: the image's instances.
        image_size: (h, w) of the area on which instances are rasterised.
        canvas: (H, W) of the padded batch; zero outside `image_size`.
        grid: (rows, columns) of P2.

    Returns:
        float32 0/1 (rows, columns).
    """
    height, width = image_size
    union = torch.zeros(1, 1, *canvas, dtype=torch.float32)
    for mask in masks:
        bitmap = torch.from_numpy(mask.to_bitmap(height, width))
        union[0, 0, :height, :width].masked_fill_(bitmap.bool(), 1)
    resized = functional.interpolate(union, grid, mode="bilinear", align_corners=False)
    return (resized[0, 0] >= 0.5).float()


def _polygon_targets(mask: PolygonMask, boxes: Tensor, size: int) -> Tensor:
    targets = np.empty((len(boxes), size, size), np.uint8)
    for target, (x1, y1, x2, y2) in zip(targets, boxes.numpy(), strict=True):
        scale = (size / max(x2 - x1, 1), size / max(y2 - y1, 1))
        # Shift first and scale after, as the official code: the rounding decides single pixels.
        parts = [affine(affine(xy, (1, 1), (-x1, -y1)), scale, (0, 0)) for xy in mask.polygons]
        target[:] = rasterise(parts, size, size)
    return torch.from_numpy(targets).float()


def _bitmap_targets(mask: BitmapMask, boxes: Tensor, size: int, canvas: tuple[int, int]) -> Tensor:
    bitmap = torch.from_numpy(mask.to_bitmap(*canvas)).float()[None, None]
    pooled = roi_align(bitmap, [boxes], size, spatial_scale=1, sampling_ratio=0, aligned=True)
    return (pooled[:, 0] >= 0.5).float()
