"""Compute the last stage only in the band around the outline of the stage before.

The boundary-aware refinement takes the 112x112 logits near the outline of the refined 56x56 mask,
and enlarges that mask elsewhere. The outline is known before the last stage has fused its features,
so that its dilated convolutions, and the 1x1 convolutions after them, are needed at those 56x56
pixels alone that the logits in the band are interpolated between. These become the rows of matrix
products:

    conv(x) at a pixel = W . (the 3x3 pixels around it, a dilation apart) + b

Outside of the band the last logits are without meaning, and not looked at.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from refinemask.export.passes.enlarging import enlarged
from refinemask.export.passes.late_head import LateHead, LateStage, SplitLogits
from refinemask.models import Detector
from refinemask.models.fusion import MultiBranchFusion
from refinemask.models.mask_logits import class_logits
from refinemask.ops.boundary_refine import boundary_refine, boundary_region, resize_aligned
from refinemask.ops.places import conv_at_places, nonzero_places, scatter_tiles

_ROUNDING = 1e-3
"""Of the share of a fine pixel that is interior: whoever computes it, the band has its pixels."""


def boundary_band(model: Detector) -> int:
    """Rewrite the mask head of a model in place; return the number of convolutions in the band."""
    head = model.roi_head.mask_head
    if not isinstance(head, LateHead):
        return 0
    *first, last = head.stages
    logits = head.last_logits
    assert isinstance(last, LateStage) and isinstance(logits, SplitLogits)
    head.stages = nn.ModuleList([*first, _BandStage(last, logits.from_features)])
    head.last_logits = _BandLogits(logits.from_probs)
    return len(list(last.branches.children()))


class _BandStage(nn.Module):
    """The last stage, which returns logits of its features in place of these."""

    def __init__(self, stage: LateStage, classifier: nn.Conv2d) -> None:
        super().__init__()
        self.stage = stage
        self.classifier = classifier
        self.instance_logits = stage.instance_logits
        self.semantic_transform_in = stage.semantic_transform_in

    def forward(
        self, x: Tensor, probs: Tensor, before: Sequence[Tensor], *inputs: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Refine once, see `LateStage.forward`.

        Returns:
            The stage's logits (K, 1, S, S), the features' part of the next ones (K, 1, S, S), and
            the probabilities of the next stage.
        """
        logits, x, probs = self.stage.fuse(x, probs, *inputs)
        labels = inputs[-1]
        places = nonzero_places(needed_pixels(boundary_refine(before[-1], logits)))
        features = self._features(x, places)
        rows = labels.clamp(max=self.classifier.out_channels - 1)[places[:, 0]]
        weight = self.classifier.weight.flatten(1)[rows]
        in_band = (weight * features).sum(1)[:, None, None, None]
        return logits, scatter_tiles(in_band, places, logits), probs

    def _features(self, x: Tensor, places: Tensor) -> Tensor:
        """Return the features (P, C) of the pixels at places (P, 3) of x (K, C, S, S)."""
        merged = torch.zeros((), dtype=x.dtype, device=x.device)
        branches = self.stage.branches
        assert isinstance(branches, MultiBranchFusion)
        for branch in branches.dilated:
            conv = branch.conv
            assert conv.bias is not None
            values = conv_at_places(x, places, conv.weight, conv.bias, conv.dilation[0])
            merged = merged + F.relu(values)
        features = F.relu(_linear(merged, branches.merge_conv.conv))
        return F.relu(_linear(features, self.stage.fuse_transform_out))


class _BandLogits(nn.Module):
    """The last logits, of the features' part before it is enlarged."""

    def __init__(self, from_probs: nn.Conv2d) -> None:
        super().__init__()
        self.from_probs = from_probs

    def forward(self, x: Tensor, probs: Tensor, labels: Tensor) -> Tensor:
        return enlarged(x) + class_logits(probs, self.from_probs, labels)


def needed_pixels(coarse_logits: Tensor) -> Tensor:
    """Mark the pixels whose features count in the next stage's refined logits.

    Args:
        coarse_logits: (K, 1, S, S), which the next stage refines.

    Returns:
        float32 (K, S, S), not zero at pixels that a logit of the band is interpolated between.
    """
    interior = ~boundary_region(coarse_logits >= 0, width=1)
    keep = resize_aligned(interior.float(), 2 * coarse_logits.shape[-1])
    takes_fine = (keep < 0.5 + _ROUNDING).float()
    # Not max_pool2d, which OpenVINO refuses for K = 0.
    readers = torch.ones((1, 1, 4, 4), device=takes_fine.device)
    return F.conv2d(takes_fine, readers, stride=2, padding=1)[:, 0]


def _linear(rows: Tensor, conv: nn.Conv2d) -> Tensor:
    return F.linear(rows, conv.weight.flatten(1), conv.bias)
