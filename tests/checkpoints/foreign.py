"""Checkpoints of other programs, built from synthetic weights."""

import re
from collections import OrderedDict
from collections.abc import Mapping, Sequence
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

# Ours to theirs, written from detectron2's own modules.
_DETECTRON2_NAMES = (
    (r"backbone\.conv1\.", "backbone.bottom_up.stem.conv1."),
    (r"backbone\.bn1\.", "backbone.bottom_up.stem.conv1.norm."),
    (r"backbone\.layer(\d)\.(\d+)\.bn(\d)\.", r"backbone.bottom_up.res<\1>.\2.conv\3.norm."),
    (r"backbone\.layer(\d)\.(\d+)\.downsample\.0\.", r"backbone.bottom_up.res<\1>.\2.shortcut."),
    (
        r"backbone\.layer(\d)\.(\d+)\.downsample\.1\.",
        r"backbone.bottom_up.res<\1>.\2.shortcut.norm.",
    ),
    (r"backbone\.layer(\d)\.", r"backbone.bottom_up.res<\1>."),
    (r"neck\.lateral_convs\.(\d)\.conv\.", r"backbone.fpn_lateral<<\1>>."),
    (r"neck\.fpn_convs\.(\d)\.conv\.", r"backbone.fpn_output<<\1>>."),
    (r"rpn_head\.rpn_conv\.", "proposal_generator.rpn_head.conv."),
    (r"rpn_head\.rpn_cls\.", "proposal_generator.rpn_head.objectness_logits."),
    (r"rpn_head\.rpn_reg\.", "proposal_generator.rpn_head.anchor_deltas."),
    (r"roi_head\.bbox_head\.shared_fcs\.(\d)\.", r"roi_heads.box_head.fc<\1>."),
    (r"roi_head\.bbox_head\.fc_cls\.", "roi_heads.box_predictor.cls_score."),
    (r"roi_head\.bbox_head\.fc_reg\.", "roi_heads.box_predictor.bbox_pred."),
    (r"roi_head\.mask_head\.convs\.(\d)\.conv\.", r"roi_heads.mask_head.mask_fcn<\1>."),
    (r"roi_head\.mask_head\.upsample\.", "roi_heads.mask_head.deconv."),
    (r"roi_head\.mask_head\.conv_logits\.", "roi_heads.mask_head.predictor."),
)


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
    # From NumPy, because PyTorch starts threads for so many, and the fuzzer forks processes.
    storage = torch.from_numpy(np.ones(max(map(prod, names.values())), np.uint8))
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


def detectron2_name(name: str) -> str:
    """Return what detectron2 calls one of our tensors."""
    for pattern, replacement in _DETECTRON2_NAMES:
        theirs, count = re.subn(f"^{pattern}", replacement, name)
        if count:
            theirs = re.sub(r"<<(\d)>>", lambda found: str(int(found[1]) + 2), theirs)
            return re.sub(r"<(\d)>", lambda found: str(int(found[1]) + 1), theirs)
    raise AssertionError(name)


def cell_anchors(
    sizes: Sequence[int] = (32, 64, 128, 256, 512), ratios: Sequence[float] = (0.5, 1.0, 2.0)
) -> dict[str, Tensor]:
    """Return the anchors of every level as detectron2 saves them."""
    found = {}
    for level, size in enumerate(sizes):
        sides = [(size / ratio**0.5 / 2, size * ratio**0.5 / 2) for ratio in ratios]
        boxes = torch.tensor([[-w, -h, w, h] for w, h in sides])
        found[f"proposal_generator.anchor_generator.cell_anchors.{level}"] = boxes
    return found
