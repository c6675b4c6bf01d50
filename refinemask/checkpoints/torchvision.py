"""Weights of torchvision's `maskrcnn_resnet50_fpn`, under our names.

They are the same architecture as ours with other conventions, `configs.config.TORCHVISION`:

- The background is class 0 of the classifier, ours the last. Boxes and masks have an unused entry
  for it, which is left out.
- Its 91 COCO classes are the background and the category ids 1 to 90, ten of which no longer exist.
  These stay, as "N/A 12" and so on: the softmax runs over all of them. Other class lists have no
  names in the file; they become "class 0", "class 1", ... with the category ids 1, 2, ...
- Batch norms are frozen, which count no batches; one that does is an ordinary one, of a model
  trained without any pretrained weights.
- Files of releases before 0.13 have other names, accepted as well.

A ResNet-101 in its place is recognised. What the file does not record is taken to be torchvision's
default: sizes and ratios of the anchors, thresholds, the epsilon of the batch norms (0 with
torchvision's own COCO weights, 1e-5 in every model built without them).
"""

import dataclasses
import re
from collections.abc import Collection

from torch import Tensor

from refinemask.configs.classes import COCO_CATEGORY_IDS, COCO_CLASSES
from refinemask.configs.config import TORCHVISION, ModelConfig
from refinemask.configs.presets import maskrcnn_r50, maskrcnn_r101
from refinemask.errors import RefineMaskError

_CLASSES = "roi_heads.box_predictor.cls_score.bias"
_COCO_OUTPUTS = 91
_PRESETS = {6: maskrcnn_r50, 23: maskrcnn_r101}
"""By the number of blocks in the third stage of the backbone."""
_MARKS = ("backbone.body.", "roi_heads.", "head.classification_head.")
# The first pattern that matches decides; what none matches has no place in our model.
_NAMES = (
    (r"backbone\.body\.", "backbone."),
    (r"backbone\.fpn\.inner_blocks\.(\d)\.(0\.)?", r"neck.lateral_convs.\1.conv."),
    (r"backbone\.fpn\.layer_blocks\.(\d)\.(0\.)?", r"neck.fpn_convs.\1.conv."),
    (r"rpn\.head\.conv\.(0\.0\.)?(?=weight|bias)", "rpn_head.rpn_conv."),
    (r"rpn\.head\.cls_logits\.", "rpn_head.rpn_cls."),
    (r"rpn\.head\.bbox_pred\.", "rpn_head.rpn_reg."),
    (r"roi_heads\.box_head\.fc6\.", "roi_head.bbox_head.shared_fcs.0."),
    (r"roi_heads\.box_head\.fc7\.", "roi_head.bbox_head.shared_fcs.1."),
    (r"roi_heads\.box_predictor\.cls_score\.", "roi_head.bbox_head.fc_cls."),
    (r"roi_heads\.box_predictor\.bbox_pred\.", "roi_head.bbox_head.fc_reg."),
    (r"roi_heads\.mask_head\.(\d)\.0\.", r"roi_head.mask_head.convs.\1.conv."),
    (r"roi_heads\.mask_head\.mask_fcn1\.", "roi_head.mask_head.convs.0.conv."),
    (r"roi_heads\.mask_head\.mask_fcn2\.", "roi_head.mask_head.convs.1.conv."),
    (r"roi_heads\.mask_head\.mask_fcn3\.", "roi_head.mask_head.convs.2.conv."),
    (r"roi_heads\.mask_head\.mask_fcn4\.", "roi_head.mask_head.convs.3.conv."),
    (r"roi_heads\.mask_predictor\.conv5_mask\.", "roi_head.mask_head.upsample."),
    (r"roi_heads\.mask_predictor\.mask_fcn_logits\.", "roi_head.mask_head.conv_logits."),
)


def is_torchvision(names: Collection[str]) -> bool:
    """Whether these are the tensors of one of torchvision's detectors, loadable or not."""
    return any(name.startswith(_MARKS) for name in names)


def convert(tensors: dict[str, Tensor]) -> tuple[ModelConfig, dict[str, Tensor]]:
    """Return the configuration of a state dict of torchvision, and its tensors under our names.

    Args:
        tensors: of a model for which `is_torchvision` holds.

    Raises:
        RefineMaskError: it is another detector of torchvision than a Mask R-CNN on ResNet-50-FPN or
            ResNet-101-FPN of version 1.
    """
    _check_kind(tensors)
    renamed = {_our_name(name): tensor for name, tensor in tensors.items()}
    for name, tensor in renamed.items():
        if not tensor.dim():  # whose shape is refused later
            continue
        if name.startswith("roi_head.bbox_head.fc_cls."):
            renamed[name] = tensor.roll(-1, 0)
        elif name.startswith("roi_head.bbox_head.fc_reg."):
            renamed[name] = tensor[4:]
        elif name.startswith("roi_head.mask_head.conv_logits."):
            renamed[name] = tensor[1:]
    return _config(tensors), renamed


def _config(tensors: dict[str, Tensor]) -> ModelConfig:
    outputs = len(tensors[_CLASSES])
    config = _PRESETS[_blocks(tensors)](outputs - 1)
    if outputs == _COCO_OUTPUTS:
        known = dict(zip(COCO_CATEGORY_IDS, COCO_CLASSES, strict=True))
        ids = tuple(range(1, _COCO_OUTPUTS))
        config = config.with_classes(tuple(known.get(id_, f"N/A {id_}") for id_ in ids), ids)
    frozen = "backbone.body.bn1.num_batches_tracked" not in tensors
    conventions = dataclasses.replace(TORCHVISION, frozen_norms=frozen)
    return dataclasses.replace(config, conventions=conventions)


def _blocks(names: Collection[str]) -> int:
    stage = "backbone.body.layer3."
    return len({name.split(".")[3] for name in names if name.startswith(stage)})


def _our_name(name: str) -> str:
    for pattern, replacement in _NAMES:
        ours, count = re.subn(rf"^{pattern}", replacement, name)
        if count:
            return ours
    return name


def _check_kind(tensors: dict[str, Tensor]) -> None:
    """Refuse all but Mask R-CNN version 1 on a ResNet of bottleneck blocks."""
    shapes = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    if not any(name.startswith("roi_heads.mask_predictor.") for name in shapes):
        found = "a detector without masks"
    elif any(name.startswith("roi_heads.keypoint") for name in shapes):
        found = "a detector with keypoints"
    elif any(re.match(r"roi_heads\.box_head\.\d|rpn\.head\.conv\.1\.", name) for name in shapes):
        found = "maskrcnn_resnet50_fpn_v2"
    elif (
        _blocks(shapes) not in _PRESETS
        or "backbone.body.layer1.0.conv3.weight" not in shapes
        or shapes.get("backbone.body.layer1.0.conv2.weight") != (64, 64, 3, 3)
    ):
        found = "a Mask R-CNN on another backbone"
    elif shapes.get("roi_heads.mask_predictor.conv5_mask.bias") != (256,):
        found = "a Mask R-CNN with a mask head of another width"
    elif not shapes.get(_CLASSES):
        found = "a Mask R-CNN without a classifier"
    else:
        return
    raise RefineMaskError(
        f"the weights are those of {found} of torchvision; of its detectors only "
        "maskrcnn_resnet50_fpn can be loaded, on a ResNet-50 or ResNet-101, with 256 channels in "
        "the mask head; train another with refinemask train"
    )
