"""Compute before features are enlarged what is the same as afterwards.

A stage of RefineMask takes the features x (C - 2 channels) and mask probabilities p (2 channels) of
the stage before at twice their size. Enlarging, written U with pixel centres in place and A with
corners in place, is linear and treats every channel alike, so it may follow what works on each
pixel alone:

    logits = w . [U x, A p] + b = U (w_x . x) + w_p . (A p) + b

takes a quarter of the multiplications and enlarges a single channel of logits; nothing is left of
the 112x112 features of the last stage. In the same way the first convolution of a fusion, 1x1 over
the concatenation of these, of semantic features f, and of probabilities q of the stage itself,
becomes a sum:

    W [U x, A p, f, q] + b = U (W_x x) + W_f f + W_pq [A p, q] + b

Two channels of zeros are added to x, as the vectorised convolutions of runtimes want the number of
channels to be a multiple of 8 or 16.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from refinemask.models import Detector
from refinemask.models.mask_logits import class_logits
from refinemask.models.refine_mask_head import RefineMaskHead, RefineStage
from refinemask.ops.boundary_refine import resize_aligned

_PROBS = 2
"""Channels of the probabilities: of the class and of any class."""


def late_upsampling(model: Detector) -> int:
    """Rewrite the mask head of a model in place; return the number of enlargements that moved."""
    head = model.roi_head.mask_head
    if type(head) is not RefineMaskHead:
        return 0
    model.roi_head.mask_head = _LateHead(head)
    return len(head.stages)


class _LateHead(RefineMaskHead):
    """The same head with its parameters, its stages rewritten."""

    def __init__(self, head: RefineMaskHead) -> None:
        nn.Module.__init__(self)
        self.pool = head.pool
        self.instance_convs = head.instance_convs
        self.semantic_convs = head.semantic_convs
        self.semantic_logits = head.semantic_logits
        stages = [stage for stage in head.stages if isinstance(stage, RefineStage)]
        self.stages = nn.ModuleList(
            _LateStage(stage, enlarges=index > 0) for index, stage in enumerate(stages)
        )
        self.last_logits = _SplitLogits(head.final_instance_logits)

    def stage_logits(
        self,
        instance: Tensor,
        fine: Sequence[Tensor],
        semantic_probs: Tensor,
        rois: Tensor,
        labels: Tensor,
    ) -> list[Tensor]:
        x, probs = instance, None
        stage_logits = []
        for stage, features in zip(self.stages, fine, strict=True):
            logits, x, probs = stage(x, probs, features, semantic_probs, rois, labels)
            stage_logits.append(logits)
        assert probs is not None
        return [*stage_logits, self.last_logits(x, probs, labels)]


class _LateStage(nn.Module):
    """A stage that takes features before they are enlarged; the first takes them as they are."""

    def __init__(self, stage: RefineStage, *, enlarges: bool) -> None:
        super().__init__()
        self.size = stage.size
        self.pool = stage.pool
        self.semantic_transform_in = stage.semantic_transform_in
        self.semantic_transform_out = stage.semantic_transform_out
        logits, last = stage.instance_logits, stage.fuse_transform_out
        self.instance_logits = _SplitLogits(logits) if enlarges else logits
        fusion, self.branches = stage.fuse_conv
        assert isinstance(fusion, nn.Conv2d) and last.bias is not None
        self.fuse_transform_out = _convolution(_padded(last.weight, 0), _padded(last.bias, 0))
        channels = fusion.out_channels
        before = _PROBS if enlarges else 0
        parts = (channels - before, before, channels, _PROBS)
        of_features, of_before, of_fine, of_probs = fusion.weight.split(parts, 1)
        self.from_features = _convolution(_padded(of_features, 1) if enlarges else of_features)
        self.from_fine = _convolution(of_fine)
        self.from_probs = _convolution(torch.cat((of_before, of_probs), 1), fusion.bias)

    def forward(
        self,
        x: Tensor,
        probs: Tensor | None,
        fine: Tensor,
        semantic_probs: Tensor,
        rois: Tensor,
        labels: Tensor,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Refine once.

        Args:
            x: (K, C, S / 2, S / 2) with two channels of zeros, of the first stage (K, C, S, S).
            probs: (K, 2, S, S), None of the first stage.
            fine: as the other arguments, see `RefineStage.forward`.

        Returns:
            The stage's logits (K, 1, S, S), and x and probs of the next stage.
        """
        pooled = F.relu(self.semantic_transform_out(self.pool([fine], rois)), inplace=True)
        if isinstance(self.instance_logits, _SplitLogits):
            assert probs is not None
            logits = self.instance_logits(x, probs, labels)
        else:
            logits = class_logits(x, self.instance_logits, labels)
        own = torch.cat((logits.sigmoid(), self.pool([semantic_probs], rois)), 1)
        fused, known = self.from_features(x), own
        if probs is not None:
            fused, known = _enlarged(fused), torch.cat((probs, own), 1)
        x = F.relu(self.from_fine(pooled) + (self.from_probs(known) + fused), inplace=True)
        x = F.relu(self.branches(x), inplace=True)
        x = F.relu(self.fuse_transform_out(x), inplace=True)
        return logits, x, resize_aligned(own, 2 * self.size)


class _SplitLogits(nn.Module):
    """A 1x1 classifier, one convolution for the features and one for the probabilities."""

    def __init__(self, classifier: nn.Conv2d) -> None:
        super().__init__()
        parts = (classifier.in_channels - _PROBS, _PROBS)
        of_features, of_probs = classifier.weight.split(parts, 1)
        self.from_features = _convolution(_padded(of_features, 1))
        self.from_probs = _convolution(of_probs, classifier.bias)

    def forward(self, x: Tensor, probs: Tensor, labels: Tensor) -> Tensor:
        logits = class_logits(x, self.from_features, labels)
        return _enlarged(logits) + class_logits(probs, self.from_probs, labels)


def _enlarged(maps: Tensor) -> Tensor:
    return F.interpolate(maps, scale_factor=2.0, mode="bilinear", align_corners=False)


def _convolution(weight: Tensor, bias: Tensor | None = None) -> nn.Conv2d:
    """Return the 1x1 convolution with a weight (O, I, 1, 1) and a bias (O,)."""
    out_channels, in_channels = weight.shape[:2]
    made = nn.Conv2d(in_channels, out_channels, 1, bias=bias is not None, device="meta")
    made.weight = nn.Parameter(weight.detach())
    if bias is not None:
        made.bias = nn.Parameter(bias.detach())
    return made


def _padded(weight: Tensor, axis: int) -> Tensor:
    """Append zeros for channels that are zero in place of the probabilities."""
    shape = list(weight.shape)
    shape[axis] = _PROBS
    return torch.cat((weight, weight.new_zeros(shape)), axis)
