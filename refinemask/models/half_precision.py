"""Models that compute in half precision, but for what decides.

All modules but a few get weights of 16 bits, and compute in these. What is between them stays in
float32: what turns numbers into decisions, which rounding to 11 bits would change, and
coordinates, which it would move.

| float32 | why |
|---|---|
| normalised pixels | the mean is subtracted from whole numbers, once |
| anchors, decoding of boxes, RoI coordinates | float16 rounds pixels above 512 to halves |
| scores, NMS | equal scores have no order, and NMS compares areas |
| mask logits, and the boundary-aware refinement | their signs are the masks |

The former are float32 whatever the model computes in (`layers.at_least_float32`); classifiers of
masks keep weights of float32, so that their logits are.
"""

import torch
from torch import nn

from refinemask.configs.precisions import Precision
from refinemask.errors import RefineMaskError
from refinemask.models.detector import Detector

_CLASSIFIERS = (
    *("instance_logits", "final_instance_logits", "stage_instance_logits", "conv_logits"),
    *("last_logits", "classifier"),  # of heads that an export has rewritten
)
"""Names of modules in mask heads that stay in float32, with all that is in them."""


def to_half_precision(model: Detector, precision: Precision) -> None:
    """Let a model compute in a precision, in place; "float32" changes nothing.

    Its parameters are replaced, so that another model that shares them keeps its own.

    Raises:
        RefineMaskError: a weight is too large for the precision.
    """
    if precision == "float32":
        return
    for name, module in model.named_modules():
        if not set(_CLASSIFIERS).intersection(name.split(".")):
            _round(module, name, precision)


def _round(module: nn.Module, name: str, precision: Precision) -> None:
    for key, values in module.named_parameters(recurse=False):
        rounded = values.detach().to(getattr(torch, precision))
        if not rounded.isfinite().all():
            raise RefineMaskError(
                f"{name}.{key} has weights up to {values.abs().max():.3g}, which {precision} does "
                "not hold; export the model in float32"
            )
        setattr(module, key, nn.Parameter(rounded, requires_grad=False))
