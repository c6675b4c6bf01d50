"""Divide the weights of the first convolution by the standard deviation of pixels, not the pixels.

    conv(where(valid, (x - mean) / std, 0)) = conv'(where(valid, x - mean, 0))
    weight' = weight / std

It saves a pass over all pixels.
"""

import dataclasses

import torch
from torch import nn

from refinemask.models import Detector
from refinemask.models.detector import UNIT_STD


def fold_scale(model: Detector) -> int:
    """Rewrite the first convolution and the configuration of a model in place."""
    pixels = model.config.input
    if pixels.std == UNIT_STD:
        return 0
    first = next(module for module in model.backbone.modules() if isinstance(module, nn.Conv2d))
    std = torch.tensor(pixels.std, dtype=torch.float64, device=first.weight.device)
    weight = first.weight.data.double() / std[:, None, None]
    first.weight = nn.Parameter(weight.to(first.weight.dtype))  # not shared with the model
    model.config = dataclasses.replace(
        model.config, input=dataclasses.replace(pixels, std=UNIT_STD)
    )
    return 1
