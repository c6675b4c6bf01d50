"""`refinemask::batched_nms` -> one BatchedNMS.

Its second output, the number of rows of the first, is there for TensorRT, which has the size of a
data-dependent tensor as a tensor. Graphs do not use it.
"""

from typing import Any

from onnx.defs import OpSchema

from refinemask.export.forms.fused.operators import emit, operator

_SCHEMA = operator(
    "BatchedNMS",
    inputs=[
        OpSchema.FormalParameter("boxes", "tensor(float)", "(B, K, 4) or (B, K, G, 4)"),
        OpSchema.FormalParameter("scores", "tensor(float)", "(B, K, G)"),
    ],
    outputs=[
        OpSchema.FormalParameter("selected", "tensor(int64)", "(N, 3): image, box and group"),
        OpSchema.FormalParameter("num_selected", "tensor(int64)", "N"),
    ],
    required={
        "iou_threshold": OpSchema.AttrType.FLOAT,
        "score_threshold": OpSchema.AttrType.FLOAT,
        "max_per_image": OpSchema.AttrType.INT,
    },
    optional=["max_shifted", "first_shift"],
)


def batched_nms(
    boxes: Any,
    scores: Any,
    iou_threshold: float,
    score_threshold: float,
    max_per_image: int,
    max_shifted: int | None = None,
    first_shift: int = 0,
) -> Any:
    """Emit the node; arguments and result as those of `refinemask.ops.batched_nms.batched_nms`."""
    selected, _ = emit(
        _SCHEMA,
        boxes,
        scores,
        iou_threshold=float(iou_threshold),
        score_threshold=float(score_threshold),
        max_per_image=max_per_image,
        max_shifted=max_shifted,
        first_shift=first_shift or None,
    )
    return selected
