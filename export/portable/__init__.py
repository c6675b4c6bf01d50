"""The form `portable`: our operators become standard ONNX, one module an operator."""

from collections.abc import Callable
from typing import Any

import torch

import refinemask.ops.boundary
import refinemask.ops.multiscale_roi_align
import refinemask.ops.nms  # noqa: F401  These define the operators that stand below.
from refinemask.export.portable.batched_nms import batched_nms
from refinemask.export.portable.boundary_refine import boundary_refine
from refinemask.export.portable.multiscale_roi_align import multiscale_roi_align

TRANSLATIONS: dict[Callable[..., Any], Callable[..., Any]] = {
    torch.ops.refinemask.batched_nms.default: batched_nms,
    torch.ops.refinemask.boundary_refine.default: boundary_refine,
    torch.ops.refinemask.multiscale_roi_align.default: multiscale_roi_align,
}
