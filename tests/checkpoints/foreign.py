"""Checkpoints of other programs, built from synthetic weights."""

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from math import prod
from typing import Any

import numpy as np
import torch
from torch import Tensor

from refinemask.checkpoints.synthetic import synthetic_tensor
from refinemask.configs.config import FCNMaskConfig, InputConfig, ModelConfig
from refinemask.models import Detector, build_model

TEXT = """
model = dict(
    type='MaskRCNN',
    backbone=dict(type='ResNet', depth=50, style='pytorch'),
    roi_head=dict(bbox_coder=dict(target_stds=[0.1, 0.1, 0.2, 0.2])))
img_norm_cfg = dict(
    mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375], to_rgb=True)
"""


def narrow(config: ModelConfig) -> ModelConfig:
    """Return a detector of the same kind with narrow heads."""
    mask_head = replace(config.mask_head, channels=32)
    if not isinstance(mask_head, FCNMaskConfig):
        mask_head = replace(mask_head, semantic_channels=24)
    return replace(config, fpn_channels=16, box_head_channels=40, mask_head=mask_head)


def empty_model(config: ModelConfig) -> Detector:
    with torch.device("meta"):
        return build_model(config)


def shapes(config: ModelConfig) -> dict[str, tuple[int, ...]]:
    return {name: tuple(value.shape) for name, value in empty_model(config).state_dict().items()}


@lru_cache(maxsize=1000)  # the backbone is the same in all
def _array(name: str, shape: tuple[int, ...]) -> np.ndarray:
    return synthetic_tensor(name, shape)


def thin_tensors(names: Mapping[str, tuple[int, ...]]) -> dict[str, Tensor]:
    """Return tensors of given shapes that are views of one small storage of ones."""
    storage = torch.ones(max(map(prod, names.values())), dtype=torch.uint8)
    return {name: storage[: prod(shape)].reshape(shape) for name, shape in names.items()}


def state_dict(config: ModelConfig) -> "OrderedDict[str, Tensor]":
    """Return what `model.state_dict()` gives in the program that trained such a model."""
    tensors = OrderedDict(
        (name, torch.from_numpy(_array(name, shape))) for name, shape in shapes(config).items()
    )
    tensors._metadata = OrderedDict({"": {"version": 1}})  # type: ignore[attr-defined]
    return tensors


def mmcv_checkpoint(
    config: ModelConfig, class_names: tuple[str, ...] | None = None
) -> dict[str, Any]:
    """Return what a run of mmdetection 2.x saves."""
    meta = {
        "env_info": "sys.platform: linux",
        "config": TEXT,
        "mmdet_version": "2.3.0+633ed2b",
        "mmcv_version": "1.0.5",
        "epoch": 12,
        "iter": 87966,
        "time": "Mon Mar  1 12:00:00 2021",
        "hook_msgs": {"best_score": np.float64(0.375)},
    }
    if class_names:
        meta["CLASSES"] = class_names
    weights = OrderedDict((f"module.{name}", t) for name, t in state_dict(config).items())
    optimizer = {
        "state": {0: {"momentum_buffer": torch.ones(2)}},
        "param_groups": [{"lr": 0.02, "params": [0]}],
    }
    return {"meta": meta, "state_dict": weights, "optimizer": optimizer}


def mmengine_checkpoint(config: ModelConfig, class_names: tuple[str, ...]) -> dict[str, Any]:
    """Return what a run of mmdetection 3.x saves; without its `message_hub`."""
    weights = state_dict(config)
    weights["data_preprocessor.mean"] = torch.tensor([100.0, 110.5, 103.53]).reshape(3, 1, 1)
    weights["data_preprocessor.std"] = torch.tensor([58.395, 57.12, 50.0]).reshape(3, 1, 1)
    meta = {
        "cfg": TEXT.replace("to_rgb", "bgr_to_rgb"),
        "dataset_meta": {"classes": class_names, "palette": [(220, 20, 60)]},
        "seed": 7,
        "experiment_name": "mask-rcnn_r50_fpn_1x_coco",
        "mmengine_version": "0.10.7",
        "epoch": 3,
        "iter": 300,
    }
    return {"meta": meta, "state_dict": weights, "param_schedulers": [{"last_step": 3}]}


PREPROCESSED = InputConfig(mean=(100.0, 110.5, 103.53), std=(58.395, 57.12, 50.0))
"""The input that `mmengine_checkpoint` tells."""
