"""Mixed precision: networks in a shorter type; coordinates, targets and losses in float32."""

import torch

from refinemask.training.options import Precision


def autocast(precision: Precision, device: torch.device) -> torch.autocast:
    """Return the context that networks run in; the weights stay float32."""
    enabled = precision != "float32"
    dtype = getattr(torch, precision) if enabled else None
    return torch.autocast(device.type, dtype, enabled)


def gradient_scaler(precision: Precision, device: torch.device) -> torch.amp.GradScaler:
    """Return the scaler that keeps small float16 gradients from vanishing; otherwise a no-op."""
    return torch.amp.GradScaler(device.type, enabled=precision == "float16")
