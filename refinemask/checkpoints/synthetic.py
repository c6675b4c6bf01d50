"""Deterministic weights for models that nobody has trained here.

Every tensor follows from its name and shape alone, so that two machines, or two implementations,
get the same network without sharing a file. The scales are chosen so that features keep their range
through the network, and so that masks have both foreground and background: latency and parity can
be measured with such a model, accuracy cannot.
"""

import hashlib
import re

import numpy as np
import torch
from numpy.typing import NDArray

from refinemask.configs.config import ModelConfig
from refinemask.models import Detector, build_model

# The first pattern that matches a name and shape decides; a weight without one has gain 1.
_GAINS = (
    (r"neck\.lateral_convs\..* \(96,", 1.0),  # on EfficientNet-Lite0
    (r"neck\.lateral_convs\.", 0.05),
    (r"neck\.fpn_convs\.0\.", 1.5),
    (r"neck\.fpn_convs\.", 2.0),
    (r"rpn_head\.rpn_reg\.", 0.12),
    (r"roi_head\.bbox_head\.shared_fcs\.0\.", 2.0),
    (r"roi_head\.bbox_head\.fc_cls\.", 3.0),
    (r"roi_head\.bbox_head\.fc_reg\.", 0.4),
    (r"roi_head\.mask_head\..*logits", 6.0),
    (r"roi_head\.mask_head\..*merge_conv\.conv", 2.0),
)
# Share of the mean over the kernel window that is removed: random rectified networks drift to a
# large common offset, which would leave every mask all foreground or all background.
_WINDOW_MEANS = (
    (r"neck\.fpn_convs\.", 0.8),
    (r"roi_head\.bbox_head\.shared_fcs\.0\.", 0.8),
    (r"roi_head\.mask_head\..*convs?", 0.7),
)
_ZERO_INPUT_MEAN = re.compile(
    r"roi_head\.mask_head\..*(logits|merge_conv\.conv|fuse_conv\.0|fuse_transform_out)\.weight$"
)
_BATCH_NORM = re.compile(r"backbone\..*(bn\d|\.1)\.(weight|bias)$")
_BATCH_NORM_GAINS = (
    (r"backbone\.layer3\.([6-9]|\d\d)\.bn3\.", 0.1),
    (r"backbone\..*\.bn3\.", 0.5),
    (r"backbone\.stages\..*layers\.2\.", 0.5),
)
_BACKGROUND_BIAS = 15.0


def synthetic_model(config: ModelConfig) -> Detector:
    """Build the model of a configuration with synthetic weights, in evaluation mode."""
    model = build_model(config)
    for name, tensor in model.state_dict().items():
        tensor.copy_(torch.from_numpy(synthetic_tensor(name, tuple(tensor.shape))))
    return model


def synthetic_tensor(name: str, shape: tuple[int, ...]) -> NDArray[np.generic]:
    """Return the float32 tensor (int64 for counters) that belongs to a parameter's name."""
    if name.endswith("num_batches_tracked"):
        return np.zeros(shape, np.int64)
    seed = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "little")
    normal = np.random.default_rng(seed).standard_normal(shape).astype(np.float32)
    if name.endswith("running_mean"):
        return np.float32(0.1) * normal
    if name.endswith("running_var"):
        return np.exp(np.float32(0.1) * normal)
    if _BATCH_NORM.match(name):
        return _batch_norm_parameter(name, normal)
    if len(shape) == 1:
        return _bias(name, normal)
    return _weight(name, normal)


def _batch_norm_parameter(name: str, normal: NDArray[np.float32]) -> NDArray[np.float32]:
    if name.endswith(".bias"):
        return np.float32(0.1) * normal
    gain = _match(_BATCH_NORM_GAINS, name, 1.0)
    return np.float32(gain) * (np.float32(1) + np.float32(0.1) * normal)


def _bias(name: str, normal: NDArray[np.float32]) -> NDArray[np.float32]:
    bias = np.float32(0.01) * normal
    if name == "roi_head.bbox_head.fc_cls.bias":
        bias[-1] += np.float32(_BACKGROUND_BIAS)
    return bias


def _weight(name: str, normal: NDArray[np.float32]) -> NDArray[np.float32]:
    transposed = name.endswith("mask_head.upsample.weight")
    fan_in = normal.shape[0] if transposed else int(np.prod(normal.shape[1:]))
    gain = _match(_GAINS, f"{name} {normal.shape}", 1.0)
    weight = normal * np.float32(gain * np.sqrt(2.0 / fan_in))
    share = _match(_WINDOW_MEANS, name, 0.0)
    window = 49 if normal.ndim == 2 else int(np.prod(normal.shape[2:]))
    if share and window > 1:
        kernels = weight.reshape(weight.shape[0], -1, window)
        weight = (kernels - np.float32(share) * _mean(kernels, 2)).reshape(normal.shape)
    if _ZERO_INPUT_MEAN.match(name):
        weight = weight - _mean(weight, 1)
    return weight


def _mean(values: NDArray[np.float32], axis: int) -> NDArray[np.float32]:
    return values.mean(axis=axis, keepdims=True, dtype=np.float64).astype(np.float32)


def _match(table: tuple[tuple[str, float], ...], name: str, default: float) -> float:
    return next((value for pattern, value in table if re.match(pattern, name)), default)
