"""Greedy non-maximum suppression of a batch, separately in each group of boxes (numerics 3.4)."""

import torch
from torch import Tensor
from torchvision.ops import nms

from refinemask.ops.compiled import chosen


def batched_nms(
    boxes: Tensor,
    scores: Tensor,
    iou_threshold: float,
    score_threshold: float,
    max_per_image: int,
    max_shifted: int | None = None,
    first_shift: int = 0,
) -> Tensor:
    """Keep the best boxes of every image, suppressing only within a group.

    As in the official code, groups are kept apart by moving their boxes by group * (largest
    coordinate of the image's candidates + 1) in float32 before one suppression per image. The
    rounding of that decides a few boxes; torchvision moves none when there are many, and its first
    class not by 0.

    Args:
        boxes: float32 (B, K, G, 4) xyxy.
        scores: float32 (B, K, G); G is the number of classes or of FPN levels.
        iou_threshold: boxes of a higher IoU with a better one are suppressed.
        score_threshold: only boxes with a higher score are candidates.
        max_per_image: the best that are kept of each image.
        max_shifted: most candidates of an image that are moved; with more, each group is
            suppressed by itself. None always moves them.
        first_shift: added to the group in that product.

    Returns:
        int64 (N, 3): image, box and group index, by image and then by descending score.
    """
    options = (iou_threshold, score_threshold, max_per_image)
    if torch.compiler.is_exporting():
        return _exported(boxes, scores, *options, max_shifted, first_shift)
    if (operators := chosen(scores)) is not None:
        always = -1 if max_shifted is None else max_shifted
        return operators.batched_nms(boxes, scores, *options, always, first_shift)
    return _reference(boxes, scores, *options, max_shifted, first_shift)


def _reference(
    boxes: Tensor,
    scores: Tensor,
    iou_threshold: float,
    score_threshold: float,
    max_per_image: int,
    max_shifted: int | None,
    first_shift: int,
) -> Tensor:
    groups = scores.shape[2]
    selected = []
    for image, (image_boxes, image_scores) in enumerate(
        zip(boxes.flatten(1, 2), scores.flatten(1), strict=True)
    ):
        candidates = torch.nonzero(image_scores > score_threshold)[:, 0]
        if not len(candidates):
            continue
        group = candidates % groups
        found, score = image_boxes[candidates], image_scores[candidates]
        if max_shifted is None or len(candidates) <= max_shifted:
            shift = (group + first_shift) * (found.max() + 1)
            kept = _best(found + shift[:, None], score, iou_threshold, max_per_image)
        else:
            kept = _by_group(found, score, group, iou_threshold)[:max_per_image]
        index = candidates[kept]
        selected.append(
            torch.stack((torch.full_like(index, image), index // groups, group[kept]), 1)
        )
    return torch.cat(selected) if selected else boxes.new_zeros((0, 3), dtype=torch.int64)


def _best(boxes: Tensor, scores: Tensor, iou_threshold: float, limit: int) -> Tensor:
    """Return the indices of the first `limit` boxes of a greedy suppression.

    Only better boxes suppress a box. So the best candidates are enough if `limit` of them are kept,
    which spares the quadratic cost of all of them: an untrained LVIS model has over a million.
    """
    order = scores.argsort(descending=True, stable=True)
    count = 8 * limit
    while True:
        best = order[:count]
        kept = best[nms(boxes[best], scores[best], iou_threshold)[:limit]]
        if len(kept) == limit or count >= len(order):
            return kept
        count *= 4


def _by_group(boxes: Tensor, scores: Tensor, group: Tensor, iou_threshold: float) -> Tensor:
    members = [torch.nonzero(group == value)[:, 0] for value in group.unique()]
    kept = torch.cat([index[nms(boxes[index], scores[index], iou_threshold)] for index in members])
    kept = kept.sort().values  # so that equal scores keep their order below
    return kept[scores[kept].sort(descending=True, stable=True).indices]


@torch.library.custom_op("refinemask::batched_nms", mutates_args=())
def _exported(
    boxes: Tensor,
    scores: Tensor,
    iou_threshold: float,
    score_threshold: float,
    max_per_image: int,
    max_shifted: int | None = None,
    first_shift: int = 0,
) -> Tensor:
    """Appear as one node in an exported program, for the export to translate."""
    options = (iou_threshold, score_threshold, max_per_image)
    return _reference(boxes, scores, *options, max_shifted, first_shift)


@_exported.register_fake
def _(
    boxes: Tensor,
    scores: Tensor,
    iou_threshold: float,
    score_threshold: float,
    max_per_image: int,
    max_shifted: int | None = None,
    first_shift: int = 0,
) -> Tensor:
    count = torch.library.get_ctx().new_dynamic_size(min=0)
    return boxes.new_empty((count, 3), dtype=torch.int64)
