"""The "faster-better" mask head, the official SimpleRefineMaskHead (numerics 7).

It differs from `RefineMaskHead` in that no semantic mask is predicted, the features of P2 are
sampled instead of pooled, and the last stage enlarges its logits instead of its features.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from refinemask.configs.config import SimpleRefineMaskConfig
from refinemask.models.fpn import STRIDES
from refinemask.models.fusion import MultiBranchFusionAvg
from refinemask.models.layers import conv_stack, in_chunks
from refinemask.models.mask_logits import class_logits
from refinemask.models.refine_mask_head import (
    ROI_SIZE,
    STAGE_SIZES,
    RefineMaskOutput,
    fine_maps,
    refine_stages,
)
from refinemask.models.roi_pooler import RoIPooler
from refinemask.ops.boundary_refine import resize_aligned
from refinemask.ops.point_sampling import point_sample


class SimpleRefineStage(nn.Module):
    """Fuse instance features with those of P2 and halve their channels."""

    def __init__(
        self, config: SimpleRefineMaskConfig, channels: int, size: int, *, upsample: bool
    ) -> None:
        super().__init__()
        self.size = size
        self.upsample = upsample
        self.semantic_transform_in = nn.Conv2d(config.semantic_channels, channels, 1)
        self.fuse_conv = nn.ModuleList(
            (
                nn.Conv2d(2 * channels + 1, channels, 1),
                MultiBranchFusionAvg(channels, config.fusion_dilations),
            )
        )
        self.fuse_transform_out = nn.Conv2d(channels, channels // 2 - 1, 1)

    def forward(self, instance: Tensor, probs: Tensor, fine: Tensor, rois: Tensor) -> Tensor:
        """Refine once.

        Args:
            instance: (K, C, S, S) features.
            probs: (K, 1, S, S), the mask predicted from them.
            fine: (B, C, H / 4, W / 4), of `fine_maps`.
            rois: float32 (K, 5).

        Returns:
            The next instance features (K, C / 2, 2S, 2S), or (K, C / 2, S, S) without upsampling.
        """
        sampled = point_sample(rois, fine, self.size, STRIDES[0])
        probs = probs.to(sampled.dtype)
        x = torch.cat((instance, sampled, probs), 1)
        for layer in self.fuse_conv:
            x = F.relu(layer(x), inplace=True)
        x = torch.cat((F.relu(self.fuse_transform_out(x), inplace=True), probs), 1)
        if not self.upsample:
            return x
        return F.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False)


class SimpleRefineMaskHead(nn.Module):
    """Three refinement stages, from 14x14 RoI features to 112x112 mask logits."""

    def __init__(self, config: SimpleRefineMaskConfig, in_channels: int, num_classes: int) -> None:
        super().__init__()
        widths = [config.channels >> stage for stage in range(4)]
        classes = [num_classes] * 3 + [1 if config.class_agnostic_final else num_classes]
        upsample = [True, True, config.upsample_features]
        self.pool = RoIPooler(ROI_SIZE)
        self.instance_convs = conv_stack(in_channels, widths[0], config.instance_convs)
        self.semantic_convs = conv_stack(
            in_channels, config.semantic_channels, config.semantic_convs
        )
        self.stages = nn.ModuleList(
            SimpleRefineStage(config, width, size, upsample=enlarge)
            for width, size, enlarge in zip(widths[:3], STAGE_SIZES[:3], upsample, strict=True)
        )
        self.stage_instance_logits = nn.ModuleList(
            nn.Conv2d(width, count, 1) for width, count in zip(widths, classes, strict=True)
        )

    def forward(self, features: Sequence[Tensor], rois: Tensor, labels: Tensor) -> RefineMaskOutput:
        """Predict the masks of all stages; arguments as those of `RefineMaskHead.forward`."""
        return self.refine(self.pool(features, rois), features[0], rois, labels)

    def refine(
        self, instance: Tensor, p2: Tensor, rois: Tensor, labels: Tensor
    ) -> RefineMaskOutput:
        """Like `forward`, from the pooled features (K, C, 14, 14) and P2 (B, C, H / 4, W / 4)."""
        fine = self.semantic_maps(p2, rois)

        def predict(instance: Tensor, rois: Tensor, labels: Tensor) -> list[Tensor]:
            *coarse, final = self.stage_logits(self.instance_convs(instance), fine, rois, labels)
            if final.shape[-1] != STAGE_SIZES[-1]:
                final = resize_aligned(final, STAGE_SIZES[-1])
            return [*coarse, final]

        return RefineMaskOutput(in_chunks(predict, instance, rois, labels), None)

    def semantic_maps(self, p2: Tensor, rois: Tensor) -> list[Tensor]:
        """Return what each stage takes for its RoIs; as `RefineMaskHead.semantic_maps`."""
        return fine_maps(self.stages, self.semantic_convs(p2))

    def stage_logits(
        self, instance: Tensor, fine: Sequence[Tensor], rois: Tensor, labels: Tensor
    ) -> list[Tensor]:
        """Return the logits of all stages, the last as large as its features.

        Args:
            instance: (K, C, 14, 14) features.
            fine: (B, C_s, H / 4, W / 4) for each stage, see `semantic_maps`.
            rois: float32 (K, 5).
            labels: int64 (K,).
        """
        stage_logits = []
        for index, (stage, features) in enumerate(zip(self.stages, fine, strict=True)):
            logits = self._logits(index, instance, labels)
            instance = stage(instance, logits.sigmoid(), features, rois)
            stage_logits.append(logits)
        return [*stage_logits, self._logits(len(self.stages), instance, labels)]

    def _logits(self, stage: int, instance: Tensor, labels: Tensor) -> Tensor:
        classifier = self.stage_instance_logits[stage]
        assert isinstance(classifier, nn.Conv2d)
        return class_logits(instance, classifier, labels)

    def final_logits(self, features: Sequence[Tensor], rois: Tensor, labels: Tensor) -> Tensor:
        """Return the refined mask logits (K, 1, 112, 112); arguments as in `forward`."""
        return refine_stages(self(features, rois, labels).stages)[-1]
