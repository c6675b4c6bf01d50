"""Weights of detectron2's Mask R-CNN on ResNet-50-FPN or ResNet-101-FPN, under our names.

They are the same architecture as ours with other conventions. The file records no configuration:

- The backbone of the model zoo is that of MSRA, in caffe style on BGR images with a deviation of 1.
  A `pixel_std` other than 1 means torchvision's ResNet, whose strides are in the 3x3 convolutions.
- The order of colours follows from `pixel_mean`, BGR where the file has none.
- Anchors follow from the `cell_anchors`, where the file has them.
- Thresholds and sizes are detectron2's defaults, which are those of mmdetection.
"""

import dataclasses
import re
from collections.abc import Collection
from typing import Any

import torch
from torch import Tensor

from refinemask.checkpoints.mmdetection import complete, recognise, to_rgb
from refinemask.checkpoints.mmdetection_config import Recorded
from refinemask.configs.config import Conventions, ModelConfig
from refinemask.errors import RefineMaskError

DETECTRON2 = Conventions(
    frozen_norms=True,
    limit_shrinking=False,
    rank_logits=True,
    min_proposal_side=1e-6,  # it drops boxes without area
    max_shifted=1000,
)
_STRIDES = (4, 8, 16, 32, 64)
_MSRA_MEAN = (103.53, 116.28, 123.675)
_CELL_ANCHORS = "proposal_generator.anchor_generator.cell_anchors."
_BLOCK = r"backbone\.bottom_up\.res([2-5])\.(\d+)\."
# The first pattern that matches decides; what none matches has no place in our model.
_NAMES = (
    (r"backbone\.bottom_up\.stem\.conv1\.norm\.", "backbone.bn1."),
    (r"backbone\.bottom_up\.stem\.conv1\.", "backbone.conv1."),
    (_BLOCK + r"conv(\d)\.norm\.", r"backbone.layer\1.\2.bn\3."),
    (_BLOCK + r"shortcut\.norm\.", r"backbone.layer\1.\2.downsample.1."),
    (_BLOCK + r"shortcut\.", r"backbone.layer\1.\2.downsample.0."),
    (_BLOCK, r"backbone.layer\1.\2."),
    (r"backbone\.fpn_lateral([2-5])\.", r"neck.lateral_convs.\1.conv."),
    (r"backbone\.fpn_output([2-5])\.", r"neck.fpn_convs.\1.conv."),
    (r"proposal_generator\.rpn_head\.conv\.", "rpn_head.rpn_conv."),
    (r"proposal_generator\.rpn_head\.objectness_logits\.", "rpn_head.rpn_cls."),
    (r"proposal_generator\.rpn_head\.anchor_deltas\.", "rpn_head.rpn_reg."),
    (r"roi_heads\.box_head\.fc1\.", "roi_head.bbox_head.shared_fcs.0."),
    (r"roi_heads\.box_head\.fc2\.", "roi_head.bbox_head.shared_fcs.1."),
    (r"roi_heads\.box_predictor\.cls_score\.", "roi_head.bbox_head.fc_cls."),
    (r"roi_heads\.box_predictor\.bbox_pred\.", "roi_head.bbox_head.fc_reg."),
    (r"roi_heads\.mask_head\.mask_fcn(\d)\.", r"roi_head.mask_head.convs.\1.conv."),
    (r"roi_heads\.mask_head\.deconv\.", "roi_head.mask_head.upsample."),
    (r"roi_heads\.mask_head\.predictor\.", "roi_head.mask_head.conv_logits."),
)
_FIRST = {
    "backbone.layer": 1,
    "neck.lateral_convs.": 2,
    "neck.fpn_convs.": 2,
    "roi_head.mask_head.convs.": 1,
}
"""By how much the numbers after these are greater in detectron2."""
_OTHERS = (
    (r"roi_heads\.box_head\.\d+\.", "a Cascade R-CNN"),
    (r"roi_heads\.keypoint_head\.", "a detector of keypoints"),
    (r"roi_heads\.mask_head\.point_head\.|roi_heads\.mask_point", "a PointRend"),
    (r"sem_seg_head\.", "a segmenter or a Panoptic FPN"),
    (r"roi_heads\.res5\.", "a Mask R-CNN without FPN, of the kind C4"),
)
_NEEDED = (
    "backbone.fpn_lateral5.",
    "proposal_generator.rpn_head.conv.",
    "roi_heads.box_head.fc2.",
    "roi_heads.box_predictor.cls_score.",
    "roi_heads.mask_head.mask_fcn1.",
)


def is_detectron2(names: Collection[str]) -> bool:
    """Whether these are the tensors of one of detectron2's models, loadable or not."""
    return any(name.startswith(("backbone.bottom_up.", "proposal_generator.")) for name in names)


def convert(tensors: dict[str, Tensor]) -> tuple[ModelConfig, dict[str, Tensor], frozenset[str]]:
    """Return configuration, tensors under our names, and the names of the values recorded.

    Args:
        tensors: of a model for which `is_detectron2` holds.

    Raises:
        RefineMaskError: it is another model than a Mask R-CNN on ResNet-50-FPN or ResNet-101-FPN.
    """
    _check_kind(tensors)
    pixels = {n: _pixel(n, tensors[n]) for n in ("pixel_mean", "pixel_std") if n in tensors}
    anchors = {n: t for n, t in tensors.items() if n.startswith(_CELL_ANCHORS)}
    renamed = {
        _our_name(name): tensor
        for name, tensor in tensors.items()
        if name not in pixels and name not in anchors
    }
    renamed = _with_statistics(renamed)
    config = recognise({name: tuple(tensor.shape) for name, tensor in renamed.items()})
    mean, std = pixels.get("pixel_mean", _MSRA_MEAN), pixels.get("pixel_std", (1.0, 1.0, 1.0))
    bgr = mean[0] < mean[-1]
    conventions = dataclasses.replace(DETECTRON2, stride_in_1x1=set(std) == {1.0})
    if bgr:
        renamed, mean, std = to_rgb(renamed), mean[::-1], std[::-1]
    recorded = Recorded(_anchors(anchors), input={"mean": mean, "std": std})
    config = dataclasses.replace(config, conventions=conventions)
    config, names = complete(config, recorded)
    unknown = {f"input.{n}" for n in ("mean", "std") if f"pixel_{n}" not in pixels}
    return config, renamed, names - unknown


def _pixel(name: str, tensor: Tensor) -> tuple[float, ...]:
    if tensor.numel() != 3:
        raise RefineMaskError(f"its {name} must be a list of 3 values, got {tensor.numel()}")
    return tuple(round(value, 4) for value in tensor.double().flatten().tolist())


def _our_name(name: str) -> str:
    for pattern, replacement in _NAMES:
        ours, count = re.subn(rf"^{pattern}", replacement, name)
        if count:
            return _renumbered(ours)
    return name


def _renumbered(name: str) -> str:
    """Count stages from 1, not from res2, and FPN levels and convolutions from 0."""
    for start, first in _FIRST.items():
        found = re.match(rf"{start}(\d)", name)
        if found:
            return f"{start}{int(found[1]) - first}{name[found.end() :]}"
    return name


def _with_statistics(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Add the statistics that norms of the first versions lack: a mean of 0, a variance of 1."""
    added: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        norm = re.fullmatch(r"(backbone\..*(?:bn\d|downsample\.1)\.)weight", name)
        if norm:
            added[f"{norm[1]}running_mean"] = torch.zeros(()).expand(tensor.shape)
            added[f"{norm[1]}running_var"] = torch.ones(()).expand(tensor.shape)
    return added | tensors


def _anchors(cells: dict[str, Tensor]) -> dict[str, Any]:
    """Return scale and ratios of the anchors of all levels, which must be of one scale.

    Raises:
        RefineMaskError: they are of another kind.
    """
    if not cells:
        return {}
    names = [f"{_CELL_ANCHORS}{level}" for level in range(len(_STRIDES))]
    are_boxes = (t.dim() == 2 and t.shape[1] == 4 and len(t) for t in cells.values())
    if cells.keys() != set(names) or not all(are_boxes):
        raise RefineMaskError("its cell_anchors are not those of the five levels of an FPN")
    cells = {name: boxes.double() for name, boxes in cells.items()}
    scales, ratios = [], []
    for name, stride in zip(names, _STRIDES, strict=True):
        boxes = cells[name]
        width, height = (boxes[:, 2:] - boxes[:, :2]).unbind(1)
        scales += ((width * height).sqrt() / stride).tolist()
        ratios.append(tuple(round(ratio, 3) for ratio in (height / width).tolist()))
    scale = round(scales[0], 3)
    centred = all((boxes[:, :2] + boxes[:, 2:]).abs().max() < 0.01 for boxes in cells.values())
    if not centred or len(set(ratios)) > 1 or any(abs(s - scale) > 0.01 for s in scales):
        raise RefineMaskError(
            "its anchors have several sizes a level, or sizes that do not double from level to "
            "level; supported is one size a level, in proportion to its stride"
        )
    return {"anchor_scales": (scale,), "anchor_ratios": ratios[0]}


def _check_kind(names: Collection[str]) -> None:
    found = next((k for p, k in _OTHERS if any(re.match(p, name) for name in names)), None)
    lacking = [n for n in _NEEDED if not any(name.startswith(n) for name in names)]
    if found is None and lacking:
        found = f"a model without {lacking[0].rstrip('.')}"
    if found:
        raise RefineMaskError(
            f"it looks like a detectron2 model: {found}; of its models only Mask R-CNN on "
            "ResNet-50-FPN or ResNet-101-FPN can be loaded"
        )
