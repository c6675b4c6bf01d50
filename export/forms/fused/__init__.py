"""The form `fused`: each of our operators is one node, one module an operator."""

import torch

import refinemask.ops.batched_nms  # These three define the operators that stand below.
import refinemask.ops.boundary_refine
import refinemask.ops.multiscale_roi_align  # noqa: F401
from refinemask.export.forms.form import Form
from refinemask.export.forms.fused.batched_nms import batched_nms
from refinemask.export.forms.fused.boundary_refine import boundary_refine
from refinemask.export.forms.fused.multiscale_roi_align import multiscale_roi_align

FUSED = Form(
    "fused",
    {
        torch.ops.refinemask.batched_nms.default: batched_nms,
        torch.ops.refinemask.boundary_refine.default: boundary_refine,
        torch.ops.refinemask.multiscale_roi_align.default: multiscale_roi_align,
    },
)
