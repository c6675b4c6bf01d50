"""`refinemask::multiscale_roi_align` -> one MultiScaleRoIAlign."""

from collections.abc import Sequence
from typing import Any

from onnx.defs import OpSchema

from refinemask.export.forms.fused.operators import emit, operator
from refinemask.ops.levels import FINEST_SCALE

_MAX_LEVELS = 5


def _level(index: int) -> OpSchema.FormalParameter:
    option = OpSchema.FormalParameterOption
    # Not one variadic parameter, which PyTorch's exporter takes all inputs for.
    return OpSchema.FormalParameter(
        f"features_{index}",
        "T",
        "(B, C, H_l, W_l), finest level first",
        param_option=option.Optional if index else option.Single,
    )


_SCHEMA = operator(
    "MultiScaleRoIAlign",
    inputs=[
        OpSchema.FormalParameter("rois", "tensor(float)", "(K, 5)"),
        *(_level(index) for index in range(_MAX_LEVELS)),
    ],
    outputs=[OpSchema.FormalParameter("pooled", "T", "(K, C, S, S)")],
    required={
        "output_size": OpSchema.AttrType.INT,
        "sampling_ratio": OpSchema.AttrType.INT,
        "strides": OpSchema.AttrType.INTS,
        "finest_scale": OpSchema.AttrType.FLOAT,
        "aligned": OpSchema.AttrType.INT,
    },
    optional=["epsilon_after_log"],
)


def multiscale_roi_align(
    rois: Any,
    features: Sequence[Any],
    output_size: int,
    strides: Sequence[int],
    sampling_ratio: int,
    aligned: bool,
    epsilon_after_log: bool,
) -> Any:
    """Emit the node; arguments and result as those of the operator of the same name."""
    return emit(
        _SCHEMA,
        rois,
        *features,
        output_size=output_size,
        sampling_ratio=sampling_ratio,
        strides=list(strides),
        finest_scale=FINEST_SCALE,
        aligned=int(aligned),
        epsilon_after_log=1 if epsilon_after_log else None,
    )
