"""How far models agree on one image: the detections they share, and how alike the masks are."""

from collections.abc import Sequence

from refinemask.evaluation.boundary_iou import boundary_edges, edges_iou, mask_edges
from refinemask.inference.pasting import rle_masks
from refinemask.inference.structures import Detections, Rle

MATCH_IOU = 0.5
"""Detections of two models are of the same object from this mask IoU."""


def shared_detections(
    found: Sequence[Detections], class_names: Sequence[Sequence[str]]
) -> list[tuple[int, ...]]:
    """Find the objects that every model has detected, best score of the first model first.

    Args:
        found: what each model detected in one image; masks in any format.
        class_names: the class names of each model; only classes of the same name match.

    Returns:
        for each object its index in each model's detections.
    """
    first, *others = [rle_masks(detections) for detections in found]
    partners = [
        _partners(first, found[0], class_names[0], masks, detections, names)
        for masks, detections, names in zip(others, found[1:], class_names[1:], strict=True)
    ]
    shared = [index for index in range(len(first)) if all(index in pairs for pairs in partners)]
    return [(index, *(pairs[index] for pairs in partners)) for index in shared]


def mask_iou(first: Rle, second: Rle) -> float:
    """Return the intersection over union of two masks of one image."""
    return edges_iou(mask_edges(first), mask_edges(second))


def boundary_iou(first: Rle, second: Rle) -> float:
    """Return the intersection over union of the boundaries, see `boundary_edges`."""
    return edges_iou(boundary_edges(first), boundary_edges(second))


def _partners(
    masks: Sequence[Rle],
    detections: Detections,
    names: Sequence[str],
    other_masks: Sequence[Rle],
    other: Detections,
    other_names: Sequence[str],
) -> dict[int, int]:
    """Pair detections one to one, the most alike first."""
    candidates = [
        (mask_iou(mask, other_mask), index, other_index)
        for index, mask in enumerate(masks)
        for other_index, other_mask in enumerate(other_masks)
        if names[detections.labels[index]] == other_names[other.labels[other_index]]
    ]
    pairs: dict[int, int] = {}
    for iou, index, other_index in sorted(candidates, key=lambda one: (-one[0], one[1], one[2])):
        if iou >= MATCH_IOU and index not in pairs and other_index not in pairs.values():
            pairs[index] = other_index
    return pairs
