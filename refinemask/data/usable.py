"""Which annotations training can use (numerics 14)."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from refinemask.data.masks import is_empty
from refinemask.data.summary import (
    CROWD,
    EMPTY_MASK,
    IGNORED,
    INVISIBLE,
    NO_AREA,
    NO_MASK,
    OUTSIDE,
    SMALL_BOX,
)


def reason_to_leave_out(annotation: Mapping[str, Any], height: int, width: int) -> str | None:
    """Return why training cannot use an annotation of an image of this size, or None.

    Args:
        annotation: as `read_coco_json` returns it.
        height: of the image, in pixels.
        width: likewise.

    Raises:
        RefineMaskError: its mask is malformed.
    """
    if annotation["iscrowd"]:
        return CROWD
    if annotation.get("ignore"):
        return IGNORED
    if annotation["segmentation"] == []:
        return NO_MASK
    reason = box_problem(annotation["bbox"], height, width)
    if reason is not None:
        return reason
    if annotation["area"] <= 0:
        return NO_AREA
    return EMPTY_MASK if is_empty(annotation["segmentation"], height, width) else None


def box_problem(box: Sequence[float], height: int, width: int) -> str | None:
    """Return why training cannot use a box of an image of this size, or None (numerics 14).

    The part of the box in the image must remain one in float32, when it is resized and mirrored:
    its sides are longer than four steps of float32 at the image's longer side.

    Args:
        box: x, y, width, height in pixels.
        height: of the image, in pixels.
        width: likewise.
    """
    x, y, w, h = box
    if w < 1 or h < 1:
        return SMALL_BOX
    if x >= width or y >= height or x + w <= 0 or y + h <= 0:
        return OUTSIDE
    visible = min(min(x + w, width) - max(x, 0), min(y + h, height) - max(y, 0))
    return INVISIBLE if visible <= 4 * np.spacing(np.float32(max(height, width))) else None
