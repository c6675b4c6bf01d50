"""RoIAlign over the levels of a feature pyramid (SPEC 3.4)."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torchvision.ops import roi_align

FINEST_SCALE = 56.0
"""RoIs whose side is below twice this many pixels use the finest level."""


def multiscale_roi_align(
    rois: Tensor,
    features: Sequence[Tensor],
    output_size: int,
    strides: Sequence[int],
    sampling_ratio: int = 0,
) -> Tensor:
    """Pool every RoI from the pyramid level that its size selects.

    Args:
        rois: float32 (K, 5): image index, x1, y1, x2, y2 in resized-image pixels.
        features: one (B, C, H_l, W_l) map a level, finest first.
        output_size: side S of the pooled map.
        strides: pixels per feature cell, one a level.
        sampling_ratio: samples per bin and axis; 0 adapts to the size of the RoI.

    Returns:
        (K, C, S, S) in the dtype of the features.
    """
    if torch.compiler.is_exporting() or rois.is_meta:  # whose levels are not known
        return _exported(rois, list(features), output_size, list(strides), sampling_ratio)
    return _reference(rois, features, output_size, strides, sampling_ratio)


def assign_levels(boxes: Tensor, num_levels: int) -> Tensor:
    """Return the int64 (K,) level of each xyxy box (K, 4): floor(log2(sqrt(area) / 56))."""
    area = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    levels = torch.floor(torch.log2(area.sqrt() / FINEST_SCALE + 1e-6))
    return levels.clamp(0, num_levels - 1).long()


def _reference(
    rois: Tensor,
    features: Sequence[Tensor],
    output_size: int,
    strides: Sequence[int],
    sampling_ratio: int,
) -> Tensor:
    def pool(feature: Tensor, stride: int, level_rois: Tensor) -> Tensor:
        # Coordinates and sums stay in float32 where the features are shorter.
        dtype = torch.promote_types(feature.dtype, torch.float32)
        pooled = roi_align(
            feature.to(dtype),
            level_rois.to(dtype),
            output_size,
            1 / stride,
            sampling_ratio,
            aligned=True,
        )
        return pooled.to(feature.dtype)

    if len(features) == 1:
        return pool(features[0], strides[0], rois)
    levels = assign_levels(rois[:, 1:], len(features))
    pooled = features[0].new_zeros(len(rois), features[0].shape[1], output_size, output_size)
    for level, (feature, stride) in enumerate(zip(features, strides, strict=True)):
        selected = torch.nonzero(levels == level)[:, 0]
        pooled = pooled.index_copy(0, selected, pool(feature, stride, rois[selected]))
    return pooled


@torch.library.custom_op("refinemask::multiscale_roi_align", mutates_args=())
def _exported(
    rois: Tensor,
    features: list[Tensor],
    output_size: int,
    strides: list[int],
    sampling_ratio: int,
) -> Tensor:
    """Appear as one node in an exported program, for the export to translate."""
    return _reference(rois, features, output_size, strides, sampling_ratio)


@_exported.register_fake
def _(
    rois: Tensor,
    features: list[Tensor],
    output_size: int,
    strides: list[int],
    sampling_ratio: int,
) -> Tensor:
    return features[0].new_empty(rois.shape[0], features[0].shape[1], output_size, output_size)
