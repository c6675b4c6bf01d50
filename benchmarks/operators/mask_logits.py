"""Random mask logits as inputs of operators."""

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import interpolate


def smooth_logits(rng: np.random.Generator, count: int, size: int) -> Tensor:
    """Return float32 logits (count, 1, size, size) of blobs about a quarter of the map wide."""
    coarse = torch.from_numpy(rng.standard_normal((count, 1, 6, 6), np.float32))
    return interpolate(coarse, size=(size, size), mode="bicubic", align_corners=True) * 4
