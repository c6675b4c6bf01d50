"""Adaptive depth: small RoIs stop before the stages that are finer than the image.

A stage of size S refines an RoI only if its longer side has at least S pixels in the resized image;
below that a pixel of the image would have several of the mask. What is known by then is enlarged.
"""

from collections.abc import Sequence
from functools import partial

import torch
from torch import Tensor, nn

from refinemask.errors import RefineMaskError
from refinemask.models.detector import Detector
from refinemask.models.layers import at_least_float32, in_chunks
from refinemask.models.refine_mask_head import (
    STAGE_SIZES,
    RefineMaskHead,
    RefineMaskOutput,
    refine_stages,
)
from refinemask.models.shared_copy import shared_copy
from refinemask.ops.boundary_refine import resize_aligned
from refinemask.ops.places import nonzero_places


def with_adaptive_depth(model: Detector) -> Detector:
    """Return a copy of a model, in evaluation mode, whose small RoIs stop early.

    The copy shares all parameters with the model, and has other names for those of its mask head.

    Raises:
        RefineMaskError: the model does not have the mask head of RefineMask.
    """
    changed = shared_copy(model)
    head = changed.roi_head.mask_head
    if not isinstance(head, RefineMaskHead):
        raise RefineMaskError(
            f"adaptive depth is for the mask head of RefineMask, which a {model.config.preset} "
            "does not have; leave --adaptive-depth out"
        )
    changed.roi_head.mask_head = AdaptiveHead(head)
    return changed


class AdaptiveHead(RefineMaskHead):
    """A mask head for inference whose RoIs run as many of its stages as their size asks for."""

    def __init__(self, head: RefineMaskHead) -> None:
        nn.Module.__init__(self)
        self.head = head

    def forward(self, features: Sequence[Tensor], rois: Tensor, labels: Tensor) -> RefineMaskOutput:
        """Predict the masks of all stages; arguments as those of `RefineMaskHead.forward`.

        Where a RoI stopped, the logits of the finer stages are the enlarged refined ones, which the
        boundary-aware refinement leaves as they are.
        """
        fine, semantic_logits = self.head.semantic_maps(features[0], rois)
        semantic_probs = semantic_logits.sigmoid()
        instance = self.head.pool(features, rois)
        depths = depths_of(rois)
        exact = at_least_float32(instance[:0])
        stages = [exact.new_zeros((rois.shape[0], 1, size, size)) for size in STAGE_SIZES]
        for depth in range(1, len(STAGE_SIZES)):
            rows = nonzero_places((depths == depth).float()[None, None])[:, 2]
            run = partial(self._run, fine[:depth], semantic_probs)
            found = in_chunks(run, instance[rows], rois[rows], labels[rows])
            pairs = zip(stages, found, strict=True)
            stages = [logits.index_put((rows,), part) for logits, part in pairs]
        return RefineMaskOutput(stages, semantic_logits)

    def _run(
        self,
        fine: Sequence[Tensor],
        semantic_probs: Tensor,
        instance: Tensor,
        rois: Tensor,
        labels: Tensor,
    ) -> list[Tensor]:
        """Run the stages that there are maps for; arguments as those of `stage_logits`."""
        instance = self.head.instance_convs(instance)
        stages = self.head.stage_logits(instance, fine, semantic_probs, rois, labels)
        for size in STAGE_SIZES[len(stages) :]:
            stages.append(resize_aligned(refine_stages(stages)[-1], size))
        return stages


def depths_of(rois: Tensor) -> Tensor:
    """Return how many of the `stages` of a head each of rois (K, 5) runs, int64 (K,), 1 to 3."""
    sides = (rois[:, 3:] - rois[:, 1:3]).amax(1)
    sizes = torch.tensor(STAGE_SIZES[2:], dtype=sides.dtype, device=sides.device)
    return 1 + (sides[:, None] >= sizes).sum(1)
