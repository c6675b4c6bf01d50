"""Run a model or an engine over a dataset and measure its accuracy."""

import logging
from collections.abc import Callable
from typing import Any

from refinemask.configs.classes import COCO_CLASSES, numbered_classes
from refinemask.configs.protocols import EvaluationProtocol
from refinemask.data.dataset import EvaluationDataset
from refinemask.errors import RefineMaskError
from refinemask.evaluation.measure import check_masks, first_images, measure
from refinemask.evaluation.packed_results import PackedResults
from refinemask.evaluation.prediction_log import PredictionLog
from refinemask.evaluation.truth_boxes import TruthBoxes
from refinemask.inference.results import to_coco_results
from refinemask.inference.structures import Predictor
from refinemask.printable import counted, listed

logger = logging.getLogger(__name__)


def evaluate(
    predictor: Predictor,
    dataset: EvaluationDataset,
    limit: int | None = None,
    progress: Callable[[int, int], None] | None = None,
    *,
    protocol: EvaluationProtocol | None = None,
    log: PredictionLog | None = None,
    ground_truth_boxes: bool = False,
) -> dict[str, Any]:
    """Measure the accuracy of a model or an engine.

    Classes are matched by name; those that only one side has are left out, with a warning. Where
    the model's classes have no names, they are those of the dataset in its order, with a warning.
    Predictions stay in memory as run-length encodings, never as bitmaps.

    Args:
        predictor: a model or an engine.
        dataset: the images and their ground truth.
        limit: measure on the first images only; None for all.
        progress: called after each image with the number done and the total.
        protocol: how to measure; None for the dataset's own protocol.
        log: where to write predictions as they come; images that it has are not predicted again.
        ground_truth_boxes: segment the boxes of the annotations instead of detecting; all results
            have the score 1.

    Returns:
        What `measure` returns.

    Raises:
        RefineMaskError: no class in common, or unnamed ones of another number; a limit below 1; an
            annotation without a mask, or an image that cannot be read.
    """
    image_ids = first_images(dataset, limit)
    category_ids = match_classes(predictor, dataset)
    classes = {id_ for id_ in category_ids if id_ is not None}
    check_masks(dataset, image_ids, classes)
    truth = TruthBoxes(predictor, dataset, category_ids) if ground_truth_boxes else None
    results = PackedResults()
    for index, image_id in enumerate(image_ids):
        found = None if log is None else log.get(image_id)
        if found is None:
            image = dataset.load_image(index)
            if truth is None:
                detections = predictor.predict(image, masks="rle")
            else:
                detections = truth.segment(image, image_id)
            found = to_coco_results(detections, image_id, category_ids)
            if log is not None:
                log.add(image_id, found)
        results.add(image_id, found)
        if progress is not None:
            progress(index + 1, len(image_ids))
    return measure(results, dataset, image_ids, classes, protocol)


def match_classes(predictor: Predictor, dataset: EvaluationDataset) -> list[int | None]:
    """Return the dataset's category id for each label of the predictor, None where it has none.

    Raises:
        RefineMaskError: no class in common, or unnamed ones of another number.
    """
    category_of = dict(zip(dataset.class_names, dataset.category_ids, strict=True))
    matched = [name for name in predictor.class_names if name in category_of]
    if not matched and tuple(predictor.class_names) == numbered_classes(len(predictor.class_names)):
        return _in_order(predictor, dataset)
    if not matched:
        raise RefineMaskError(
            f"the model and the dataset have no class in common: the model has "
            f"{listed(predictor.class_names)}, the dataset {listed(dataset.class_names)}; "
            "use a dataset annotated with the model's classes"
        )
    if (
        dataset.protocol == "lvis"
        and set(predictor.class_names) <= set(COCO_CLASSES)
        and not set(dataset.class_names) <= set(COCO_CLASSES)
    ):
        logger.warning("the model has classes of COCO: to measure AP*, give --lvis-as-coco")
    if len(matched) < max(len(predictor.class_names), len(category_of)):
        logger.warning(
            "evaluating the %s in common (%s) of %d of the model and %d of the dataset",
            counted(len(matched), "class"),
            listed(matched),
            len(predictor.class_names),
            len(category_of),
        )
    return [category_of.get(name) for name in predictor.class_names]


def _in_order(predictor: Predictor, dataset: EvaluationDataset) -> list[int | None]:
    """Return the category id of each label of a predictor whose classes have no names."""
    count, others = len(predictor.class_names), len(dataset.class_names)
    if count != others:
        raise RefineMaskError(
            f"the model has {counted(count, 'class')} without names in its checkpoint, and the "
            f"dataset has {others} ({listed(dataset.class_names)}); use the dataset of the "
            f"model, or name the {counted(count, 'class')} in order with --classes"
        )
    logger.warning(
        "the model's checkpoint does not name its %s: taking those of the dataset, in "
        "this order: %s; another order goes by --classes",
        counted(count, "class"),
        listed(dataset.class_names),
    )
    return list(dataset.category_ids)
