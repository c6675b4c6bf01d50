"""RoIAlign over the levels of a feature pyramid (numerics 4)."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torchvision.ops import roi_align

from refinemask.errors import RefineMaskError
from refinemask.ops.compiled import chosen
from refinemask.ops.levels import FINEST_SCALE, assign_levels

MAX_OUTPUT_SIZE = 512
"""Largest side of a pooled map."""
MAX_SAMPLING_RATIO = 64
"""Most samples per bin and axis that can be asked for. torchvision multiplies the samples of all
bins of a RoI in 32 bits and writes as many; the other hosts have the same limits."""


def multiscale_roi_align(
    rois: Tensor,
    features: Sequence[Tensor],
    output_size: int,
    strides: Sequence[int],
    sampling_ratio: int = 0,
    aligned: bool = True,
    epsilon_after_log: bool = False,
) -> Tensor:
    """Pool every RoI from the pyramid level that its size selects.

    Args:
        rois: float32 (K, 5): image index, x1, y1, x2, y2 in resized-image pixels.
        features: one (B, C, H_l, W_l) map a level, finest first.
        output_size: side S of the pooled map, 1 to 512.
        strides: pixels per feature cell, one a level.
        sampling_ratio: samples per bin and axis, up to 64; 0 adapts to the size of the RoI.
        aligned: the centre of the first cell lies at half a cell, not at 0; without it, RoIs count
            as at least one cell wide and high.
        epsilon_after_log: see `levels.side_levels`.

    Returns:
        (K, C, S, S) in the dtype of the features; coordinates and sums are float32 at least.

    Raises:
        RefineMaskError: `output_size` or `sampling_ratio` is not allowed.
    """
    for name, value, least, most in (
        ("output_size", output_size, 1, MAX_OUTPUT_SIZE),
        ("sampling_ratio", sampling_ratio, 0, MAX_SAMPLING_RATIO),
    ):
        if not least <= value <= most:
            raise RefineMaskError(f"{name} must be from {least} to {most}, got {value}")
    strides, features = list(strides), list(features)
    options = (sampling_ratio, aligned, epsilon_after_log)
    if torch.compiler.is_exporting() or rois.is_meta:  # whose levels are not known
        return _exported(rois, features, output_size, strides, *options)
    if (operators := chosen(features[0])) is not None:
        return operators.multiscale_roi_align(
            rois,
            features,
            output_size,
            strides,
            sampling_ratio,
            FINEST_SCALE,
            int(aligned),
            int(epsilon_after_log),
        )
    return _reference(rois, features, output_size, strides, *options)


def _reference(
    rois: Tensor,
    features: Sequence[Tensor],
    output_size: int,
    strides: Sequence[int],
    sampling_ratio: int,
    aligned: bool,
    epsilon_after_log: bool,
) -> Tensor:
    def pool(feature: Tensor, stride: int, level_rois: Tensor) -> Tensor:
        # roi_align takes RoIs of the features' type only, and half precision has no room for
        # coordinates: above 512 pixels they would be rounded to a half, in bfloat16 to 4.
        exact = torch.promote_types(feature.dtype, torch.float32)
        return roi_align(
            feature.to(exact),
            level_rois.to(exact),
            output_size,
            1 / stride,
            sampling_ratio,
            aligned,
        ).to(feature.dtype)

    if len(features) == 1:
        return pool(features[0], strides[0], rois)
    levels = assign_levels(rois[:, 1:], len(features), epsilon_after_log)
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
    aligned: bool,
    epsilon_after_log: bool,
) -> Tensor:
    """Appear as one node in an exported program, for the export to translate."""
    options = (sampling_ratio, aligned, epsilon_after_log)
    return _reference(rois, features, output_size, strides, *options)


@_exported.register_fake
def _(
    rois: Tensor,
    features: list[Tensor],
    output_size: int,
    strides: list[int],
    sampling_ratio: int,
    aligned: bool,
    epsilon_after_log: bool,
) -> Tensor:
    return features[0].new_empty(rois.shape[0], features[0].shape[1], output_size, output_size)
