"""The mask head of RefineMask, which enlarges late: see `late_upsampling`."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from refinemask.export.passes.enlarging import convolution, enlarged
from refinemask.models.mask_logits import class_logits
from refinemask.models.refine_mask_head import RefineMaskHead, RefineStage
from refinemask.ops.boundary_refine import resize_aligned

_PROBS = 2
"""Channels of the probabilities: of the class and of any class."""


class LateHead(RefineMaskHead):
    """The same head with its parameters, its stages rewritten."""

    def __init__(self, head: RefineMaskHead) -> None:
        nn.Module.__init__(self)
        self.pool = head.pool
        self.instance_convs = head.instance_convs
        self.semantic_convs = head.semantic_convs
        self.semantic_logits = head.semantic_logits
        stages = [stage for stage in head.stages if isinstance(stage, RefineStage)]
        self.stages = nn.ModuleList(
            LateStage(stage, enlarges=index > 0) for index, stage in enumerate(stages)
        )
        self.last_logits: nn.Module = SplitLogits(head.final_instance_logits)

    def stage_logits(
        self,
        instance: Tensor,
        fine: Sequence[Tensor],
        semantic_probs: Tensor,
        rois: Tensor,
        labels: Tensor,
    ) -> list[Tensor]:
        x, probs = instance, None
        stage_logits: list[Tensor] = []
        for stage, features in zip(self.stages, fine, strict=False):
            logits, x, probs = stage(x, probs, stage_logits, features, semantic_probs, rois, labels)
            stage_logits.append(logits)
        classifiers = [stage.get_submodule("instance_logits") for stage in self.stages]
        return [*stage_logits, [*classifiers, self.last_logits][len(fine)](x, probs, labels)]


class LateStage(nn.Module):
    """A stage that takes features before they are enlarged; the first takes them as they are."""

    def __init__(self, stage: RefineStage, *, enlarges: bool) -> None:
        super().__init__()
        self.size = stage.size
        self.pool = stage.pool
        self.semantic_transform_in = stage.semantic_transform_in
        self.semantic_transform_out = stage.semantic_transform_out
        logits, last = stage.instance_logits, stage.fuse_transform_out
        self.instance_logits = SplitLogits(logits) if enlarges else logits
        fusion, self.branches = stage.fuse_conv
        assert isinstance(fusion, nn.Conv2d) and last.bias is not None
        self.fuse_transform_out = convolution(_padded(last.weight, 0), _padded(last.bias, 0))
        channels = fusion.out_channels
        before = _PROBS if enlarges else 0
        parts = (channels - before, before, channels, _PROBS)
        of_features, of_before, of_fine, of_probs = fusion.weight.split(parts, 1)
        self.from_features = convolution(_padded(of_features, 1) if enlarges else of_features)
        self.from_fine = convolution(of_fine)
        self.from_probs = convolution(torch.cat((of_before, of_probs), 1), fusion.bias)

    def forward(
        self, x: Tensor, probs: Tensor | None, before: Sequence[Tensor], *inputs: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Refine once.

        Args:
            x: (K, C, S / 2, S / 2) with two channels of zeros, of the first stage (K, C, S, S).
            probs: (K, 2, S, S), None of the first stage.
            before: the logits of the stages before.
            inputs: the other arguments of `RefineStage.forward`.

        Returns:
            The stage's logits (K, 1, S, S), and x and probs of the next stage.
        """
        logits, x, probs = self.fuse(x, probs, *inputs)
        x = F.relu(self.branches(x), inplace=True)
        return logits, F.relu(self.fuse_transform_out(x), inplace=True), probs

    def fuse(
        self,
        x: Tensor,
        probs: Tensor | None,
        fine: Tensor,
        semantic_probs: Tensor,
        rois: Tensor,
        labels: Tensor,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return the stage's logits, its fused features (K, C, S, S), and the next probs."""
        pooled = F.relu(self.semantic_transform_out(self.pool([fine], rois)), inplace=True)
        if isinstance(self.instance_logits, SplitLogits):
            assert probs is not None
            logits = self.instance_logits(x, probs, labels)
        else:
            logits = class_logits(x, self.instance_logits, labels)
        own = torch.cat((logits.sigmoid(), self.pool([semantic_probs], rois)), 1).to(pooled.dtype)
        fused, known = self.from_features(x), own
        if probs is not None:
            fused, known = enlarged(fused), torch.cat((probs, own), 1)
        x = F.relu(self.from_fine(pooled) + (self.from_probs(known) + fused), inplace=True)
        return logits, x, resize_aligned(own, 2 * self.size)


class SplitLogits(nn.Module):
    """A 1x1 classifier, one convolution for the features and one for the probabilities."""

    def __init__(self, classifier: nn.Conv2d) -> None:
        super().__init__()
        parts = (classifier.in_channels - _PROBS, _PROBS)
        of_features, of_probs = classifier.weight.split(parts, 1)
        self.from_features = convolution(_padded(of_features, 1))
        self.from_probs = convolution(of_probs, classifier.bias)

    def forward(self, x: Tensor, probs: Tensor, labels: Tensor) -> Tensor:
        logits = class_logits(x, self.from_features, labels)
        return enlarged(logits) + class_logits(probs, self.from_probs, labels)


def _padded(weight: Tensor, axis: int) -> Tensor:
    """Append zeros for channels that are zero in place of the probabilities."""
    shape = list(weight.shape)
    shape[axis] = _PROBS
    return torch.cat((weight, weight.new_zeros(shape)), axis)
