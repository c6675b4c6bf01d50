"""Mixed precision: networks in a shorter type, coordinates, targets and losses in float32."""

from typing import Literal, get_args

import torch

Precision = Literal["float32", "bfloat16", "float16"]
PRECISIONS: tuple[Precision, ...] = get_args(Precision)


def autocast(precision: Precision, device: torch.device) -> torch.autocast:
    """Return the context that networks run in; the weights stay float32."""
    enabled = precision != "float32"
    dtype = getattr(torch, precision) if enabled else None
    return torch.autocast(device.type, dtype, enabled)


def gradient_scaler(precision: Precision, device: torch.device) -> torch.amp.GradScaler:
    """Return what keeps small gradients from vanishing in float16; elsewhere it does nothing."""
    return torch.amp.GradScaler(device.type, enabled=precision == "float16")
