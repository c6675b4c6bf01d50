"""The mask head of RefineMask (Sec. 3.2; numerics 6)."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from refinemask.configs.config import RefineMaskConfig
from refinemask.models.fpn import STRIDES
from refinemask.models.fusion import MultiBranchFusion
from refinemask.models.layers import conv_stack, in_chunks
from refinemask.models.mask_logits import class_logits
from refinemask.models.roi_pooler import RoIPooler
from refinemask.ops.boundary_refine import boundary_refine, resize_aligned

ROI_SIZE = 14
STAGE_SIZES = (14, 28, 56, 112)


class RefineMaskOutput(NamedTuple):
    """Logits before the boundary-aware refinement."""

    stages: list[Tensor]
    """(K, 1, S, S) for S in 14, 28, 56, 112."""
    semantic: Tensor | None
    """(B, 1, H / 4, W / 4): foreground of any class, on the grid of P2; None of a head without."""


class RefineStage(nn.Module):
    """Fuse instance features with the semantic ones of P2 and double their resolution."""

    def __init__(
        self, config: RefineMaskConfig, channels: int, num_classes: int, size: int
    ) -> None:
        super().__init__()
        self.size = size
        self.pool = RoIPooler(size, STRIDES[:1])
        self.semantic_transform_in = nn.Conv2d(config.semantic_channels, channels, 1)
        self.semantic_transform_out = nn.Conv2d(channels, channels, 1)
        self.instance_logits = nn.Conv2d(channels, num_classes, 1)
        self.fuse_conv = nn.ModuleList(
            (
                nn.Conv2d(2 * channels + 2, channels, 1),
                MultiBranchFusion(channels, config.fusion_dilations),
            )
        )
        self.fuse_transform_out = nn.Conv2d(channels, channels // 2 - 2, 1)

    def forward(
        self,
        instance: Tensor,
        fine: Tensor,
        semantic_probs: Tensor,
        rois: Tensor,
        labels: Tensor,
    ) -> tuple[Tensor, Tensor]:
        """Refine once.

        Args:
            instance: (K, C, S, S) features.
            fine: (B, C, H / 4, W / 4), of `fine_maps`.
            semantic_probs: (B, 1, H / 4, W / 4).
            rois: float32 (K, 5).
            labels: int64 (K,).

        Returns:
            The stage's logits (K, 1, S, S) and the next instance features (K, C / 2, 2S, 2S).
        """
        fine = F.relu(self.semantic_transform_out(self.pool([fine], rois)), inplace=True)
        logits = class_logits(instance, self.instance_logits, labels)
        pooled_probs = self.pool([semantic_probs], rois)
        probs = torch.cat((logits.sigmoid(), pooled_probs), 1).to(fine.dtype)
        x = torch.cat((instance, fine, probs), 1)
        for layer in self.fuse_conv:
            x = F.relu(layer(x), inplace=True)
        x = F.relu(self.fuse_transform_out(x), inplace=True)
        x = F.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False)
        return logits, torch.cat((x, resize_aligned(probs, 2 * self.size)), 1)


class RefineMaskHead(nn.Module):
    """Three refinement stages, from 14x14 RoI features to 112x112 mask logits."""

    def __init__(self, config: RefineMaskConfig, in_channels: int, num_classes: int) -> None:
        super().__init__()
        widths = [config.channels >> stage for stage in range(4)]
        final_classes = 1 if config.class_agnostic_final else num_classes
        self.pool = RoIPooler(ROI_SIZE)
        self.instance_convs = conv_stack(in_channels, widths[0], config.instance_convs)
        self.semantic_convs = conv_stack(
            in_channels, config.semantic_channels, config.semantic_convs
        )
        self.stages = nn.ModuleList(
            RefineStage(config, width, num_classes, size)
            for width, size in zip(widths[:3], STAGE_SIZES[:3], strict=True)
        )
        self.final_instance_logits = nn.Conv2d(widths[3], final_classes, 1)
        self.semantic_logits = nn.Conv2d(config.semantic_channels, 1, 1)

    def forward(self, features: Sequence[Tensor], rois: Tensor, labels: Tensor) -> RefineMaskOutput:
        """Predict the masks of all stages.

        Args:
            features: P2..P5 (or more levels, unused), each (B, C, H_l, W_l).
            rois: float32 (K, 5): image index and xyxy in resized-image pixels.
            labels: int64 (K,), the class whose mask is predicted.
        """
        return self.refine(self.pool(features, rois), features[0], rois, labels)

    def refine(
        self, instance: Tensor, p2: Tensor, rois: Tensor, labels: Tensor
    ) -> RefineMaskOutput:
        """Like `forward`, from the pooled features (K, C, 14, 14) and P2 (B, C, H / 4, W / 4)."""
        fine, semantic_logits = self.semantic_maps(p2, rois)
        semantic_probs = semantic_logits.sigmoid()

        def predict(instance: Tensor, rois: Tensor, labels: Tensor) -> list[Tensor]:
            instance = self.instance_convs(instance)
            return self.stage_logits(instance, fine, semantic_probs, rois, labels)

        return RefineMaskOutput(in_chunks(predict, instance, rois, labels), semantic_logits)

    def semantic_maps(self, p2: Tensor, rois: Tensor) -> tuple[list[Tensor], Tensor]:
        """Return what each stage takes for its RoIs, and the semantic logits.

        Args:
            p2: (B, C, H / 4, W / 4).
            rois: float32 (K, 5), outside of which no value of the maps is read.

        Returns:
            (B, C_s, H / 4, W / 4) for each stage, see `fine_maps`, and (B, 1, H / 4, W / 4).
        """
        semantic = self.semantic_convs(p2)
        return fine_maps(self.stages, semantic), self.semantic_logits(semantic)

    def stage_logits(
        self,
        instance: Tensor,
        fine: Sequence[Tensor],
        semantic_probs: Tensor,
        rois: Tensor,
        labels: Tensor,
    ) -> list[Tensor]:
        """Return the logits of all stages.

        Args:
            instance: (K, C, 14, 14) features.
            fine: (B, C_s, H / 4, W / 4) for each stage, see `semantic_maps`; those without are left
                out, and with them the logits after.
            semantic_probs: (B, 1, H / 4, W / 4).
            rois: float32 (K, 5).
            labels: int64 (K,).
        """
        stage_logits = []
        for stage, features in zip(self.stages, fine, strict=False):
            logits, instance = stage(instance, features, semantic_probs, rois, labels)
            stage_logits.append(logits)
        classifiers = [stage.instance_logits for stage in self.stages]
        classifier = [*classifiers, self.final_instance_logits][len(fine)]
        assert isinstance(classifier, nn.Conv2d)
        return [*stage_logits, class_logits(instance, classifier, labels)]

    def final_logits(self, features: Sequence[Tensor], rois: Tensor, labels: Tensor) -> Tensor:
        """Return the refined mask logits (K, 1, 112, 112); arguments as in `forward`."""
        return refine_stages(self(features, rois, labels).stages)[-1]


def fine_maps(stages: nn.ModuleList, semantic: Tensor) -> list[Tensor]:
    """Map semantic features (B, C_s, H / 4, W / 4) to those that each stage takes for its RoIs."""
    transforms = (stage.get_submodule("semantic_transform_in") for stage in stages)
    return [F.relu(transform(semantic), inplace=True) for transform in transforms]


def refine_stages(stages: Sequence[Tensor]) -> list[Tensor]:
    """Apply the boundary-aware refinement at inference (Sec. 3.3; numerics 8).

    Args:
        stages: logits (K, 1, S, S) for S in 14, 28, 56, 112, or the first two or three of them;
            those at 14 are not used.

    Returns:
        The logits at 28, which stay, and the refined ones of each stage after.
    """
    refined = [stages[1]]
    for fine in stages[2:]:
        refined.append(boundary_refine(refined[-1], fine))
    return refined
