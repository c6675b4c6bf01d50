"""The form `portable`: our operators become standard ONNX, one module an operator."""

import torch

import refinemask.ops.batched_nms  # These define the operators that stand below.
import refinemask.ops.boundary_refine
import refinemask.ops.multiscale_roi_align
import refinemask.ops.places  # noqa: F401
from refinemask.export.forms.form import Form
from refinemask.export.forms.portable.batched_nms import batched_nms
from refinemask.export.forms.portable.boundary_refine import boundary_refine
from refinemask.export.forms.portable.multiscale_roi_align import multiscale_roi_align
from refinemask.export.forms.portable.nonzero_places import nonzero_places

PORTABLE = Form(
    "portable",
    {
        torch.ops.refinemask.batched_nms.default: batched_nms,
        torch.ops.refinemask.boundary_refine.default: boundary_refine,
        torch.ops.refinemask.multiscale_roi_align.default: multiscale_roi_align,
        torch.ops.refinemask.nonzero_places.default: nonzero_places,
    },
)
