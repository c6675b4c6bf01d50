"""The published configurations and the small ones, as plain functions."""

import dataclasses
from typing import Any

from refinemask.configs.classes import (
    CITYSCAPES_CATEGORY_IDS,
    CITYSCAPES_CLASSES,
    COCO_CATEGORY_IDS,
    COCO_CLASSES,
    numbered_classes,
)
from refinemask.configs.config import (
    FCNMaskConfig,
    InputConfig,
    ModelConfig,
    RefineMaskConfig,
    SimpleRefineMaskConfig,
)
from refinemask.errors import WrongUsage


def refinemask_r50(num_classes: int = 80) -> ModelConfig:
    """RefineMask on ResNet-50-FPN as published for COCO."""
    return ModelConfig(
        "refinemask_r50",
        "resnet50",
        RefineMaskConfig(),
        box_loss_weight=2.0,
        **_coco(num_classes),
    )


def refinemask_r101(num_classes: int = 80) -> ModelConfig:
    """RefineMask on ResNet-101-FPN as published for COCO."""
    return dataclasses.replace(
        refinemask_r50(num_classes), preset="refinemask_r101", backbone="resnet101"
    )


def refinemask_r50_fast(num_classes: int = 80) -> ModelConfig:
    """RefineMask with the official "faster-better" mask head, for COCO."""
    return dataclasses.replace(
        refinemask_r50(num_classes),
        preset="refinemask_r50_fast",
        mask_head=SimpleRefineMaskConfig(),
    )


def refinemask_r50_lite(num_classes: int = 80) -> ModelConfig:
    """RefineMask with a mask head of half the width, about as cheap as Mask R-CNN's; ours."""
    return dataclasses.replace(
        refinemask_r50(num_classes),
        preset="refinemask_r50_lite",
        mask_head=_lite(channels=128, semantic_channels=128),
    )


def refinemask_r50_lvis(num_classes: int = 1203) -> ModelConfig:
    """RefineMask as published for LVIS v1: the 112 stage serves all classes."""
    return ModelConfig(
        "refinemask_r50_lvis",
        "resnet50",
        RefineMaskConfig(class_agnostic_final=True),
        box_loss_weight=2.0,
        score_threshold=1e-4,
        max_detections=300,
        **_numbered(num_classes),
    )


def refinemask_r50_cityscapes(num_classes: int = 8) -> ModelConfig:
    """RefineMask as published for Cityscapes: images of 2048x1024 pixels."""
    if num_classes == len(CITYSCAPES_CLASSES):
        classes: dict[str, Any] = {
            "class_names": CITYSCAPES_CLASSES,
            "category_ids": CITYSCAPES_CATEGORY_IDS,
        }
    else:
        classes = _numbered(num_classes)
    return ModelConfig(
        "refinemask_r50_cityscapes",
        "resnet50",
        RefineMaskConfig(),
        input=InputConfig(short_side=1024, long_side=2048),
        box_loss_weight=2.0,
        box_smooth_l1_beta=1.0,
        **classes,
    )


def maskrcnn_r50(num_classes: int = 80) -> ModelConfig:
    """Mask R-CNN on ResNet-50-FPN, the baseline."""
    return ModelConfig("maskrcnn_r50", "resnet50", FCNMaskConfig(), **_coco(num_classes))


def maskrcnn_r101(num_classes: int = 80) -> ModelConfig:
    """Mask R-CNN on ResNet-101-FPN."""
    return dataclasses.replace(
        maskrcnn_r50(num_classes), preset="maskrcnn_r101", backbone="resnet101"
    )


_SMALL_INPUT = InputConfig(short_side=384, long_side=512, mean=(127.0,) * 3, std=(128.0,) * 3)


def refinemask_small(num_classes: int = 1) -> ModelConfig:
    """RefineMask narrow enough to train on a CPU: EfficientNet-Lite0, 5.4 M parameters."""
    return ModelConfig(
        "refinemask_small",
        "efficientnet_lite0",
        RefineMaskConfig(channels=96, semantic_channels=64),
        input=_SMALL_INPUT,
        fpn_channels=96,
        box_head_channels=256,
        box_loss_weight=2.0,
        **_small(num_classes),
    )


def refinemask_small_lite(num_classes: int = 1) -> ModelConfig:
    """`refinemask_small` with a narrower mask head, about as cheap as Mask R-CNN's."""
    return dataclasses.replace(
        refinemask_small(num_classes),
        preset="refinemask_small_lite",
        mask_head=_lite(channels=64, semantic_channels=32),
    )


def maskrcnn_small(num_classes: int = 1) -> ModelConfig:
    """Mask R-CNN on the same backbone as `refinemask_small`."""
    return dataclasses.replace(
        refinemask_small(num_classes),
        preset="maskrcnn_small",
        mask_head=FCNMaskConfig(channels=96),
    )


def _lite(channels: int, semantic_channels: int) -> RefineMaskConfig:
    """Return a head with half of the semantic convolutions and a third of those of a fusion."""
    return RefineMaskConfig(
        channels=channels,
        semantic_channels=semantic_channels,
        semantic_convs=2,
        fusion_dilations=(1,),
    )


def _small(num_classes: int) -> dict[str, Any]:
    if num_classes == 1:
        return {"class_names": ("person",), "category_ids": (1,)}
    return _coco(num_classes)


PRESETS = {
    preset.__name__: preset
    for preset in (
        refinemask_r50,
        refinemask_r101,
        refinemask_r50_fast,
        refinemask_r50_lite,
        refinemask_r50_lvis,
        refinemask_r50_cityscapes,
        maskrcnn_r50,
        maskrcnn_r101,
        refinemask_small,
        refinemask_small_lite,
        maskrcnn_small,
    )
}


def preset(name: str, num_classes: int | None = None) -> ModelConfig:
    """Return the preset called `name`.

    Raises:
        WrongUsage: no preset has this name.
    """
    if name not in PRESETS:
        raise WrongUsage(f"unknown preset {name!r}; choose one of {', '.join(PRESETS)}")
    return PRESETS[name]() if num_classes is None else PRESETS[name](num_classes)


def _coco(num_classes: int) -> dict[str, Any]:
    if num_classes == len(COCO_CLASSES):
        return {"class_names": COCO_CLASSES, "category_ids": COCO_CATEGORY_IDS}
    return _numbered(num_classes)


def _numbered(num_classes: int) -> dict[str, Any]:
    return {
        "class_names": numbered_classes(num_classes),
        "category_ids": tuple(range(1, num_classes + 1)),
    }
