"""Pooling of RoIs from the feature pyramid (numerics 4)."""

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from refinemask.configs.config import MMDETECTION, Conventions
from refinemask.models.fpn import STRIDES
from refinemask.ops.multiscale_roi_align import multiscale_roi_align


@dataclass(frozen=True)
class RoIPooler:
    """Pools each RoI from the level that its size selects.

    Attributes:
        size: side S of the pooled maps.
        strides: pixels per cell of each level, finest first.
        conventions: where RoIAlign takes its samples, and how a RoI selects its level.
    """

    size: int
    strides: tuple[int, ...] = STRIDES[:4]
    conventions: Conventions = MMDETECTION

    def __call__(self, features: Sequence[Tensor], rois: Tensor) -> Tensor:
        """Pool RoIs.

        Args:
            features: a (B, C, H_l, W_l) map per level; further levels are not used.
            rois: float32 (K, 5): image index and xyxy in resized-image pixels.

        Returns:
            (K, C, S, S) in the dtype of the features.
        """
        return multiscale_roi_align(
            rois,
            features[: len(self.strides)],
            self.size,
            self.strides,
            self.conventions.sampling_ratio,
            self.conventions.aligned,
            self.conventions.epsilon_after_log,
        )
