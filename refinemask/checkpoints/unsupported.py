"""Recognise checkpoints of other models, to say what they look like."""

import re
from collections.abc import Collection

from refinemask.errors import RefineMaskError

LOADABLE = (
    "RefineMask checkpoints, Mask R-CNN of mmdetection 2.x and 3.x on ResNet-50 or 101 with FPN, "
    "Mask R-CNN of torchvision and detectron2, and our own"
)
# The first pattern that begins the name of any parameter decides.
_OTHERS = (
    (r"roi_head\.bbox_head\.\d+\.", "a Cascade R-CNN or HTC of mmdetection (several box heads)"),
    (r"roi_head\.point_head\.", "a PointRend of mmdetection"),
    (r"roi_head\.mask_iou_head\.", "a Mask Scoring R-CNN of mmdetection"),
    (r"(bbox_head|mask_head)\.(\d+\.)?(fc_cls|conv_logits)\.", "a detector of mmdetection 1.x"),
    (r"(bbox|mask|panoptic)_head\.", "a one-stage or query-based detector of mmdetection"),
    (r"decode_head\.", "a segmenter of mmsegmentation"),
    (r"model\.\d+\.", "a YOLO model"),
    (r"(layer1\.0\.conv1|conv1|bn1|fc)\.weight$", "a classifier or a backbone alone"),
)
_PARTS = {
    "ResNet backbone": r"backbone\.(conv1\.weight$|layer4\.)",
    "FPN": r"neck\.(lateral|fpn)_convs\.",
    "RPN": r"rpn_head\.rpn_",
    "box head": r"roi_head\.bbox_head\.",
    "mask head": r"roi_head\.mask_head\.",
}


def refuse_others(names: Collection[str]) -> None:
    """Return unless `names` are those of another known program's or kind of model.

    Raises:
        RefineMaskError: they are; it says which.
    """
    kind = next((kind for pattern, kind in _OTHERS if _any(pattern, names)), None)
    if kind:
        raise _refusal(kind, names)


def refuse_incomplete(names: Collection[str]) -> None:
    """Return if `names` are those of a detector with ResNet, FPN, RPN, box head and mask head.

    Raises:
        RefineMaskError: they are not; it says which parts there are not.
    """
    lacking = [part for part, pattern in _PARTS.items() if not _any(pattern, names)]
    if not lacking:
        return
    if len(lacking) == len(_PARTS):
        raise _refusal("no detector we know", names)
    kind = "a backbone alone" if _only("backbone.", names) else "another detector"
    raise _refusal(f"{kind}: it has no {', no '.join(lacking)}", names)


def _refusal(kind: str, names: Collection[str]) -> RefineMaskError:
    dots = ", ..." if len(names) > 2 else ""
    listed = f"{len(names)} parameters: {', '.join(list(names)[:2])}{dots}"
    return RefineMaskError(f"it looks like {kind} ({listed}); what can be loaded: {LOADABLE}")


def _any(pattern: str, names: Collection[str]) -> bool:
    return any(re.match(pattern, name) for name in names)


def _only(prefix: str, names: Collection[str]) -> bool:
    return all(name.startswith(prefix) for name in names)
