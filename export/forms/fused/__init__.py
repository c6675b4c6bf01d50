"""The form `fused`: each of our operators is one node, one module an operator."""

import torch

import refinemask.ops.batched_nms  # These define the operators that stand below.
import refinemask.ops.boundary_refine
import refinemask.ops.multiscale_roi_align
import refinemask.ops.places  # noqa: F401
from refinemask.export.forms.form import Form
from refinemask.export.forms.fused.batched_nms import batched_nms
from refinemask.export.forms.fused.boundary_refine import boundary_refine
from refinemask.export.forms.fused.multiscale_roi_align import multiscale_roi_align
from refinemask.export.forms.fused.places import (
    conv_at_places,
    gather_tiles,
    nonzero_places,
    scatter_tiles,
)

FUSED = Form(
    "fused",
    {
        torch.ops.refinemask.batched_nms.default: batched_nms,
        torch.ops.refinemask.boundary_refine.default: boundary_refine,
        torch.ops.refinemask.conv_at_places.default: conv_at_places,
        torch.ops.refinemask.gather_tiles.default: gather_tiles,
        torch.ops.refinemask.multiscale_roi_align.default: multiscale_roi_align,
        torch.ops.refinemask.nonzero_places.default: nonzero_places,
        torch.ops.refinemask.scatter_tiles.default: scatter_tiles,
    },
    sparse=True,
)
