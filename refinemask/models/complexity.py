"""How large a model is and how much it computes, without running it."""

import copy
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from refinemask.configs.config import ModelConfig
from refinemask.models import Detector, build_model
from refinemask.models.fpn import STRIDES
from refinemask.models.refine_mask_head import STAGE_SIZES

Counts = dict[str, int]
PARTS = ("backbone", "fpn", "rpn", "box_head", "mask_head")
"""In the order in which an image passes them."""


def parameters(config: ModelConfig) -> Counts:
    """Return the number of weights of each of `PARTS`, running statistics not counted."""
    model = _meta_model(config)
    heads = (model.roi_head.bbox_head, model.roi_head.mask_head)
    modules = (model.backbone, model.neck, model.rpn_head, *heads)
    return {
        part: sum(weight.numel() for weight in module.parameters())
        for part, module in zip(PARTS, modules, strict=True)
    }


def multiply_adds(
    config: ModelConfig, height: int, width: int, rois: int = 100, proposals: int = 1000
) -> tuple[Counts, Counts]:
    """Count the multiply-adds of convolutions and matrix products for one image.

    Interpolation, RoIAlign, suppression and everything pointwise are left out. The mask head counts
    the logits of one class per RoI, as that is what runs.

    Args:
        config: of the model.
        height: of the padded image, in pixels.
        width: likewise.
        rois: detections whose masks are predicted.
        proposals: what the box head classifies.

    Returns:
        The counts of `PARTS`, and of the parts of the mask head.
    """
    model = _meta_model(config)
    box_head, mask_head = model.roi_head.bbox_head, model.roi_head.mask_head
    image = torch.empty(1, 3, height, width, device="meta")
    labels = torch.empty(rois, dtype=torch.int64, device="meta")
    channels, backbone = _count(lambda: model.backbone(image))
    features, fpn = _count(lambda: model.neck(channels))
    _, rpn = _count(lambda: model.rpn_head(features))
    _, box = _count(lambda: box_head(features, _rois(proposals)))
    _, mask = _count(lambda: mask_head(features, _rois(rois), labels))
    totals = (counts["Global"] for counts in (backbone, fpn, rpn, box, mask))
    return dict(zip(PARTS, totals, strict=True)), _inside(mask_head, mask)


def mask_head_multiply_adds(
    model: Detector, rois: int = 100, height: int = 800, width: int = 1344
) -> int:
    """Count those of a model's mask head for one image, see `multiply_adds`."""
    head = copy.deepcopy(model.roi_head.mask_head).to("meta", torch.float32)
    channels = model.config.fpn_channels
    features = [
        torch.empty(1, channels, height // stride, width // stride, device="meta")
        for stride in STRIDES
    ]
    labels = torch.empty(rois, dtype=torch.int64, device="meta")
    _, counts = _count(lambda: head(features, _rois(rois), labels))
    return counts["Global"]


def _count(compute: Callable[[], Any]) -> tuple[Any, Counts]:
    """Run something and return its result and the counts of every module that it called."""
    with FlopCounterMode(display=False) as counter:
        result = compute()
    # The counter takes a product and its sum for two.
    flops = counter.get_flop_counts()
    return result, {name: sum(by.values()) // 2 for name, by in flops.items()}


def _inside(mask_head: nn.Module, counts: Counts) -> Counts:
    """Group the counts of a mask head: by refinement stage, by list of layers, and the rest.

    The logits of one class are no call of a module: those after the last stage are in the rest.
    """
    inside: Counts = {}
    for name, child in mask_head.named_children():
        lists = child.named_children() if isinstance(child, nn.ModuleList) else [("", child)]
        for index, _ in lists:
            key = f"stage_{STAGE_SIZES[int(index)]}" if name == "stages" else name
            called = ".".join(filter(None, (type(mask_head).__name__, name, index)))
            before = f"{called}.semantic_transform_in"  # as `fine_maps` calls it
            inside[key] = inside.get(key, 0) + counts.get(called, 0) + counts.get(before, 0)
    inside = {name: count for name, count in inside.items() if count}
    return inside | {"logits": counts["Global"] - sum(inside.values())}


def _meta_model(config: ModelConfig) -> Detector:
    with torch.device("meta"):
        return build_model(config)


def _rois(count: int) -> Tensor:
    return torch.empty(count, 5, device="meta")
