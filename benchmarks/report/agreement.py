"""Agreement of models on one image: the objects they share, and the overlap of their masks."""

from collections.abc import Sequence

from refinemask.evaluation.boundary_iou import boundary_edges, edges_iou, mask_edges
from refinemask.inference.structures import Rle

MATCH_IOU = 0.5
"""Detections of two models show the same object if the IoU of their masks is at least this."""


def shared_objects(
    masks: Sequence[Sequence[Rle]], class_names: Sequence[Sequence[str]]
) -> list[tuple[int, ...]]:
    """Find the objects that every model has detected, in the order of the first model's detections.

    Args:
        masks: for each model, the masks of its detections in one image.
        class_names: for each model, the class of each detection; only equal names match.

    Returns:
        for each object, the index of its detection by each model.
    """
    partners = [
        _pair(masks[0], class_names[0], other, names)
        for other, names in zip(masks[1:], class_names[1:], strict=True)
    ]
    return [
        (index, *(pairs[index] for pairs in partners))
        for index in range(len(masks[0]))
        if all(index in pairs for pairs in partners)
    ]


def mask_iou(first: Rle, second: Rle) -> float:
    """Return the intersection over union of two masks of one image."""
    return edges_iou(mask_edges(first), mask_edges(second))


def boundary_iou(first: Rle, second: Rle) -> float:
    """Return the intersection over union of the boundaries, see `boundary_edges`."""
    return edges_iou(boundary_edges(first), boundary_edges(second))


def _pair(
    masks: Sequence[Rle], names: Sequence[str], others: Sequence[Rle], other_names: Sequence[str]
) -> dict[int, int]:
    """Pair detections of two models one to one, those with the highest IoU first."""
    candidates = [
        (mask_iou(mask, other), index, other_index)
        for index, mask in enumerate(masks)
        for other_index, other in enumerate(others)
        if names[index] == other_names[other_index]
    ]
    pairs: dict[int, int] = {}
    for iou, index, other_index in sorted(candidates, key=lambda one: (-one[0], one[1], one[2])):
        if iou >= MATCH_IOU and index not in pairs and other_index not in pairs.values():
            pairs[index] = other_index
    return pairs
