"""The "faster-better" mask head, which enlarges late: see `late_upsampling`."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from refinemask.export.passes.enlarging import convolution, enlarged
from refinemask.models.fpn import STRIDES
from refinemask.models.simple_refine_mask_head import SimpleRefineMaskHead, SimpleRefineStage
from refinemask.ops.point_sampling import point_sample


class LateSimpleHead(SimpleRefineMaskHead):
    """The same head with its parameters, its stages rewritten."""

    def __init__(self, head: SimpleRefineMaskHead) -> None:
        nn.Module.__init__(self)
        self.pool = head.pool
        self.instance_convs = head.instance_convs
        self.semantic_convs = head.semantic_convs
        self.stage_instance_logits = head.stage_instance_logits
        stages = [stage for stage in head.stages if isinstance(stage, SimpleRefineStage)]
        enlarges = [False, *(stage.upsample for stage in stages)]
        self.stages = nn.ModuleList(map(_LateStage, stages, enlarges))
        self.enlarges = enlarges
        """Whether each stage, and the last logits, are of features that are to be enlarged."""

    def stage_logits(
        self, instance: Tensor, fine: Sequence[Tensor], rois: Tensor, labels: Tensor
    ) -> list[Tensor]:
        x = instance
        stage_logits = []
        for index, enlarges in enumerate(self.enlarges):
            logits = self._logits(index, x, labels)
            stage_logits.append(enlarged(logits) if enlarges else logits)
            if index < len(self.stages):
                x = self.stages[index](x, stage_logits[-1].sigmoid(), fine[index], rois)
        return stage_logits


class _LateStage(nn.Module):
    """A stage that takes features before they are enlarged, if they are."""

    def __init__(self, stage: SimpleRefineStage, enlarges: bool) -> None:
        super().__init__()
        self.size = stage.size
        self.enlarges = enlarges
        self.semantic_transform_in = stage.semantic_transform_in
        self.fuse_transform_out = stage.fuse_transform_out
        fusion, self.branches = stage.fuse_conv
        assert isinstance(fusion, nn.Conv2d)
        channels = fusion.out_channels
        of_features, of_fine, of_probs = fusion.weight.split((channels, channels, 1), 1)
        self.from_features = convolution(of_features)
        self.from_fine = convolution(of_fine)
        self.from_probs = convolution(of_probs, fusion.bias)

    def forward(self, x: Tensor, probs: Tensor, fine: Tensor, rois: Tensor) -> Tensor:
        """Refine once.

        Args:
            x: (K, C, S, S), or (K, C, S / 2, S / 2) to be enlarged.
            probs: as the other arguments, see `SimpleRefineStage.forward`.

        Returns:
            The next features (K, C / 2, S, S), to be enlarged or not.
        """
        sampled = point_sample(rois, fine, self.size, STRIDES[0])
        probs = probs.to(sampled.dtype)
        fused = self.from_features(x)
        if self.enlarges:
            fused = enlarged(fused)
        x = F.relu(self.from_fine(sampled) + (self.from_probs(probs) + fused), inplace=True)
        x = F.relu(self.branches(x), inplace=True)
        return torch.cat((F.relu(self.fuse_transform_out(x), inplace=True), probs), 1)
