"""`refinemask::boundary_refine` -> one BoundaryRefine."""

from typing import Any

from onnx.defs import OpSchema

from refinemask.export.forms.fused.operators import emit, operator

_SCHEMA = operator(
    "BoundaryRefine",
    inputs=[
        OpSchema.FormalParameter("coarse_logits", "T", "(K, 1, S, S)"),
        OpSchema.FormalParameter("fine_logits", "T", "(K, 1, 2S, 2S)"),
    ],
    outputs=[OpSchema.FormalParameter("refined_logits", "T", "(K, 1, 2S, 2S)")],
    required={"boundary_width": OpSchema.AttrType.INT},
)


def boundary_refine(coarse_logits: Any, fine_logits: Any, width: int) -> Any:
    """Emit the node; arguments and result as those of the operator of the same name."""
    return emit(_SCHEMA, coarse_logits, fine_logits, boundary_width=width)
