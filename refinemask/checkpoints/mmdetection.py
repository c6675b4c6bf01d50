"""Recognise RefineMask and mmdetection checkpoints by the names and shapes of their parameters.

The official RefineMask code is a fork of mmdetection 2.3 and our modules carry its names, which
mmdetection 3.x has kept for Mask R-CNN. Depth of the backbone, kind of the mask head, widths,
number of classes and a class-agnostic last stage follow from the shapes. Everything else is as
published for the dataset with so many classes.
"""

import dataclasses
import re
from collections.abc import Mapping, Sequence
from typing import Literal

from torch import Tensor

from refinemask.checkpoints.mmdetection_config import Recorded
from refinemask.checkpoints.unsupported import LOADABLE, refuse_incomplete
from refinemask.configs.classes import (
    CITYSCAPES_CATEGORY_IDS,
    CITYSCAPES_CLASSES,
    COCO_CATEGORY_IDS,
    COCO_CLASSES,
    numbered_classes,
)
from refinemask.configs.config import (
    FCNMaskConfig,
    MaskConfig,
    ModelConfig,
    RefineMaskConfig,
    SimpleRefineMaskConfig,
)
from refinemask.configs.presets import (
    refinemask_r50,
    refinemask_r50_cityscapes,
    refinemask_r50_lvis,
)
from refinemask.errors import RefineMaskError

Shapes = Mapping[str, tuple[int, ...]]
Depth = Literal["resnet50", "resnet101"]

LVIS_CLASSES = 1203
_BLOCKS: dict[tuple[int, ...], Depth] = {(3, 4, 6, 3): "resnet50", (3, 4, 23, 3): "resnet101"}
_MASK_HEAD = "roi_head.mask_head."


def recognise(shapes: Shapes, class_names: Sequence[str] | None = None) -> ModelConfig:
    """Return the configuration of the detector with such parameters.

    Args:
        shapes: name -> shape of every parameter.
        class_names: those that the file records; by default the ones of COCO or Cityscapes for 80
            or 8 classes, and else numbered ones.

    Raises:
        RefineMaskError: it is another kind of model, or there are more names than classes.
    """
    refuse_incomplete(shapes)
    classes = _rows(shapes, "roi_head.bbox_head.fc_cls.weight") - 1
    names, ids = _classes(classes, class_names)
    mask_head = _mask_head(shapes, classes)
    backbone = _backbone(shapes)
    if classes == LVIS_CLASSES:
        published = refinemask_r50_lvis()
    elif names == CITYSCAPES_CLASSES:
        published = refinemask_r50_cityscapes()
    else:
        published = refinemask_r50()
    return dataclasses.replace(
        published,
        preset=_preset(backbone, mask_head, names),
        backbone=backbone,
        mask_head=mask_head,
        class_names=names,
        category_ids=ids,
        fpn_channels=_rows(shapes, "neck.lateral_convs.0.conv.weight"),
        box_head_channels=_rows(shapes, "roi_head.bbox_head.shared_fcs.1.weight"),
        box_loss_weight=1.0 if isinstance(mask_head, FCNMaskConfig) else 2.0,
    )


def complete(config: ModelConfig, recorded: Recorded) -> tuple[ModelConfig, frozenset[str]]:
    """Return a configuration with the values that a file records, and their dotted names.

    Raises:
        RefineMaskError: a value is out of bounds.
    """
    inputs = dict(recorded.input)
    if recorded.bgr:
        inputs |= {name: inputs[name][::-1] for name in ("mean", "std") if name in inputs}
    parts = {
        "conventions": recorded.conventions,
        "input": inputs,
        "mask_head": recorded.mask_head,
    }
    try:
        changed = {
            part: dataclasses.replace(getattr(config, part), **values)
            for part, values in parts.items()
        }
        config = dataclasses.replace(config, **changed, **recorded.model)
    except RefineMaskError as error:
        raise RefineMaskError(f"its configuration sets what is not supported: {error}") from error
    names = {f"{part}.{name}" for part, values in parts.items() for name in values}
    return config, frozenset(names | recorded.model.keys())


def to_rgb(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the tensors of a network that takes BGR as those of one that takes RGB.

    A first convolution of another rank stays: its shape is refused later.
    """
    name = "backbone.conv1.weight"
    weight = tensors.get(name)
    if weight is None or weight.dim() != 4:
        return dict(tensors)
    return dict(tensors) | {name: weight.flip(1)}


def _classes(count: int, names: Sequence[str] | None) -> tuple[tuple[str, ...], tuple[int, ...]]:
    """Return the names of `count` classes and their category ids."""
    known = {
        len(classes): (classes, ids)
        for classes, ids in (
            (COCO_CLASSES, COCO_CATEGORY_IDS),
            (CITYSCAPES_CLASSES, CITYSCAPES_CATEGORY_IDS),
        )
    }.get(count)
    if known and names in (None, known[0]):
        return known
    names = tuple(names or ())
    if len(names) > count:
        raise RefineMaskError(
            f"it names {len(names)} classes ({', '.join(names[:3])}, ...) but its box head has "
            f"{count}"
        )
    # A head made for more classes than its training set had: the rest never learnt anything.
    return names + numbered_classes(count)[len(names) :], tuple(range(1, count + 1))


def _preset(backbone: Depth, mask_head: MaskConfig, class_names: tuple[str, ...]) -> str:
    depth = backbone.replace("resnet", "r")
    if isinstance(mask_head, FCNMaskConfig):
        return f"maskrcnn_{depth}"
    if isinstance(mask_head, SimpleRefineMaskConfig):
        return f"refinemask_{depth}_fast"
    if mask_head.class_agnostic_final:
        return f"refinemask_{depth}_lvis"
    cityscapes = "_cityscapes" if class_names == CITYSCAPES_CLASSES else ""
    return f"refinemask_{depth}{cityscapes}"


def _backbone(shapes: Shapes) -> Depth:
    blocks = tuple(_count(shapes, rf"backbone\.layer{layer}\.(\d+)\.") for layer in range(1, 5))
    if blocks not in _BLOCKS:
        raise RefineMaskError(
            f"its backbone has stages of {', '.join(map(str, blocks))} blocks, not those of a "
            "ResNet-50 or ResNet-101; "
            f"what can be loaded: {LOADABLE}"
        )
    return _BLOCKS[blocks]


def _mask_head(shapes: Shapes, classes: int) -> MaskConfig:
    head = {
        name.removeprefix(_MASK_HEAD): shape
        for name, shape in shapes.items()
        if name.startswith(_MASK_HEAD)
    }
    try:
        if "conv_logits.weight" in head:
            channels = head["convs.0.conv.weight"][0]
            return FCNMaskConfig(channels, _count(head, r"convs\.(\d+)\."))
        kind, final = next(
            (kind, head[name][0])
            for kind, name in (
                (RefineMaskConfig, "final_instance_logits.weight"),
                (SimpleRefineMaskConfig, "stage_instance_logits.3.weight"),
            )
            if name in head
        )
        return kind(
            channels=head["stages.0.fuse_conv.0.weight"][0],
            instance_convs=_count(head, r"instance_convs\.(\d+)\."),
            semantic_channels=head["semantic_convs.0.conv.weight"][0],
            semantic_convs=_count(head, r"semantic_convs\.(\d+)\."),
            # Of one class, the two kinds of a last stage are the same.
            class_agnostic_final=(final == 1 if classes > 1 else kind is SimpleRefineMaskConfig),
        )
    except (KeyError, IndexError, StopIteration) as error:
        raise RefineMaskError(
            f"its mask head is of another kind ({', '.join(list(head)[:3])}, ...); "
            f"what can be loaded: {LOADABLE}"
        ) from error


def _rows(shapes: Shapes, name: str) -> int:
    if not shapes.get(name):
        raise RefineMaskError(f"it lacks {name}, which gives its size; is the file complete?")
    return shapes[name][0]


def _count(names: Shapes, pattern: str) -> int:
    """Return the number of different indices in the group of a pattern."""
    return len({found[1] for name in names if (found := re.match(pattern, name))})
