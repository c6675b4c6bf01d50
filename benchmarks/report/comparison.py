"""The detections of several models in one photograph, side by side."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from refinemask.benchmarks.report.agreement import boundary_iou, mask_iou, shared_objects
from refinemask.benchmarks.report.disputed_region import object_region
from refinemask.benchmarks.report.pictures import SCORE_THRESHOLD, draw_photograph, draw_zooms
from refinemask.inference.drawing import Image
from refinemask.inference.pasting import rle_masks
from refinemask.inference.structures import Detections, Predictor


@dataclass(frozen=True)
class Comparison:
    """One photograph through several models.

    Attributes:
        found: number of detections of each model.
        shared: number of objects that all models detected.
        mask_ious: for each shared object, the IoU of the first model's mask with each other's.
        boundary_ious: the same for the boundaries of the masks.
        pictures: the photograph with the detections of each model.
        zooms: part of one object enlarged: the photograph alone, then with the mask of each model;
            empty without detections.
    """

    found: tuple[int, ...]
    shared: int
    mask_ious: tuple[float, ...]
    boundary_ious: tuple[float, ...]
    pictures: tuple[Image, ...]
    zooms: tuple[Image, ...]


def compare(predictors: Sequence[Predictor], image: Image) -> Comparison:
    """Run the models on one uint8 RGB image (H, W, 3) and draw their detections."""
    classes = [predictor.class_names for predictor in predictors]
    found = [predictor.predict(image, "probs", SCORE_THRESHOLD) for predictor in predictors]
    masks = [rle_masks(detections) for detections in found]
    labels = [
        [names[label] for label in detections.labels]
        for names, detections in zip(classes, found, strict=True)
    ]
    shared = shared_objects(masks, labels)
    pairs = [
        (masks[0][mine], masks[model][theirs])
        for mine, *others in shared
        for model, theirs in enumerate(others, 1)
    ]
    one_object = _object_to_enlarge(found, shared)
    region = object_region(image, one_object)
    return Comparison(
        found=tuple(len(detections) for detections in found),
        shared=len(shared),
        mask_ious=tuple(mask_iou(*pair) for pair in pairs),
        boundary_ious=tuple(boundary_iou(*pair) for pair in pairs),
        pictures=tuple(
            draw_photograph(image, _first(detections, indices), names, region)
            for detections, indices, names in zip(
                found, _by_model(shared, len(found)), classes, strict=True
            )
        ),
        zooms=() if region is None else draw_zooms(image, one_object, classes, region),
    )


def _by_model(shared: Sequence[tuple[int, ...]], models: int) -> list[list[int]]:
    """Return for each model the indices of the shared objects."""
    return [[indices[model] for indices in shared] for model in range(models)]


def _first(detections: Detections, indices: list[int]) -> Detections:
    """Put the detections `indices` first: shared objects have the same colour in all pictures."""
    rest = [index for index in range(len(detections)) if index not in indices]
    return _only(detections, [*indices, *rest])


def _only(detections: Detections, indices: list[int]) -> Detections:
    """Return the detections `indices` in that order."""
    order = np.array(indices, np.int64)
    return dataclasses.replace(
        detections,
        boxes=detections.boxes[order],
        scores=detections.scores[order],
        labels=detections.labels[order],
        masks=np.asarray(detections.masks)[order],
    )


def _object_to_enlarge(
    found: Sequence[Detections], shared: Sequence[tuple[int, ...]]
) -> list[Detections]:
    """Return the first shared object; if there is none, the detection with the highest score.

    Returns:
        the detection of the object by each model, or none; an empty list without any detection.
    """
    if shared:
        return [
            _only(detections, [index]) for detections, index in zip(found, shared[0], strict=True)
        ]
    best = max(range(len(found)), key=lambda model: float(found[model].scores.max(initial=0)))
    if not len(found[best]):
        return []
    return [
        _only(detections, [int(detections.scores.argmax())] if model == best else [])
        for model, detections in enumerate(found)
    ]
