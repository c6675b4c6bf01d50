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
from refinemask.models.layers import in_chunks
from refinemask.models.refine_mask_head import STAGE_SIZES, RefineMaskHead
from refinemask.models.shared_copy import shared_copy
from refinemask.ops.boundary_refine import boundary_refine, resize_aligned
from refinemask.ops.places import nonzero_places

OPTIONAL_SIZES = STAGE_SIZES[2:]
"""The stages that small RoIs go without."""


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


class AdaptiveHead(nn.Module):
    """A mask head for inference whose RoIs run as many of its stages as their size asks for."""

    def __init__(self, head: RefineMaskHead) -> None:
        super().__init__()
        self.head = head

    def final_logits(self, features: Sequence[Tensor], rois: Tensor, labels: Tensor) -> Tensor:
        """Return mask logits (K, 1, 112, 112); arguments as those of `RefineMaskHead.forward`."""
        fine, semantic_logits = self.head.semantic_maps(features[0], rois)
        semantic_probs = semantic_logits.sigmoid()
        instance = self.head.pool(features, rois)
        depths = depths_of(rois)
        result = instance.new_zeros((rois.shape[0], 1, STAGE_SIZES[-1], STAGE_SIZES[-1]))
        for depth in range(1, len(STAGE_SIZES)):
            rows = nonzero_places((depths == depth).float()[None, None])[:, 2]
            run = partial(self._final_logits, fine[:depth], semantic_probs)
            (logits,) = in_chunks(run, instance[rows], rois[rows], labels[rows])
            result = result.index_put((rows,), logits)
        return result

    def _final_logits(
        self,
        fine: Sequence[Tensor],
        semantic_probs: Tensor,
        instance: Tensor,
        rois: Tensor,
        labels: Tensor,
    ) -> list[Tensor]:
        """Run the stages that there are maps for; arguments as those of `stage_logits`."""
        instance = self.head.instance_convs(instance)
        _, logits, *finer = self.head.stage_logits(instance, fine, semantic_probs, rois, labels)
        for stage in finer:
            logits = boundary_refine(logits, stage)
        if len(finer) < len(OPTIONAL_SIZES):
            logits = resize_aligned(logits, STAGE_SIZES[-1])
        return [logits]


def depths_of(rois: Tensor) -> Tensor:
    """Return how many stages each of rois (K, 5) runs, int64 (K,) from 1 to 3."""
    sides = (rois[:, 3:] - rois[:, 1:3]).amax(1)
    sizes = torch.tensor(OPTIONAL_SIZES, dtype=sides.dtype, device=sides.device)
    return 1 + (sides[:, None] >= sizes).sum(1)
