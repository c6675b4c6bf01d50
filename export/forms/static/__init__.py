"""The form `static`: standard ONNX without data-dependent shapes, one module an operator."""

import torch

import refinemask.ops.boundary_refine  # These three define the operators that stand below.
import refinemask.ops.multiscale_roi_align
import refinemask.ops.sorted_nms  # noqa: F401
from refinemask.export.forms.form import Form
from refinemask.export.forms.portable.boundary_refine import boundary_refine
from refinemask.export.forms.static.detect import detect_padded
from refinemask.export.forms.static.multiscale_roi_align import multiscale_roi_align
from refinemask.export.forms.static.sorted_nms import sorted_nms

STATIC = Form(
    "static",
    {
        torch.ops.refinemask.sorted_nms.default: sorted_nms,
        torch.ops.refinemask.boundary_refine.default: boundary_refine,
        torch.ops.refinemask.multiscale_roi_align.default: multiscale_roi_align,
    },
    detect_padded,
    padded=True,
)
