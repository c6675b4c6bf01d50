"""Run a model or an engine over a dataset and measure its accuracy."""

import logging
from collections.abc import Callable, Sequence
from typing import Any

from refinemask.data.dataset import EvaluationDataset
from refinemask.errors import RefineMaskError
from refinemask.evaluation.metrics import coco_metrics
from refinemask.evaluation.results import to_coco_results
from refinemask.structures import Predictor

logger = logging.getLogger(__name__)


def evaluate(
    predictor: Predictor,
    dataset: EvaluationDataset,
    limit: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, Any]:
    """Measure box, mask and boundary AP of a model or an engine.

    Classes are matched by name; those that only one side has are left out, with a warning.

    Args:
        predictor: a model or an engine.
        dataset: the images and their ground truth.
        limit: measure on the first images only; None for all.
        progress: called after each image with the number done and the total.

    Returns:
        {"images": n, "box": metrics, "mask": metrics, "boundary": metrics} as `coco_metrics`.

    Raises:
        RefineMaskError: no class in common, a limit below 1, or an image that cannot be read.
    """
    if limit is not None and limit < 1:
        raise RefineMaskError(f"the number of images must be at least 1, got {limit}")
    category_ids = _match_classes(predictor, dataset)
    image_ids = list(dataset.image_ids)[:limit]
    results: list[dict[str, Any]] = []
    for index, image_id in enumerate(image_ids):
        detections = predictor.predict(dataset.load_image(index), masks="rle")
        results += to_coco_results(detections, image_id, category_ids)
        if progress is not None:
            progress(index + 1, len(image_ids))
    ground_truth = _restrict(dataset.ground_truth, set(image_ids), set(category_ids))
    return {"images": len(image_ids), **coco_metrics(ground_truth, results)}


def _match_classes(predictor: Predictor, dataset: EvaluationDataset) -> list[int | None]:
    """Return the dataset's category id for each label of the predictor, None where it has none."""
    category_of = dict(zip(dataset.class_names, dataset.category_ids, strict=True))
    matched = [name for name in predictor.class_names if name in category_of]
    if not matched:
        raise RefineMaskError(
            f"the model and the dataset have no class in common: the model has "
            f"{_abridged(predictor.class_names)}, the dataset {_abridged(dataset.class_names)}; "
            "use a dataset annotated with the model's classes"
        )
    if len(matched) < max(len(predictor.class_names), len(category_of)):
        logger.warning(
            "evaluating the %d classes in common (%s) of %d of the model and %d of the dataset",
            len(matched),
            _abridged(matched),
            len(predictor.class_names),
            len(category_of),
        )
    return [category_of.get(name) for name in predictor.class_names]


def _restrict(
    ground_truth: dict[str, Any], image_ids: set[int | str], category_ids: set[int | None]
) -> dict[str, Any]:
    return {
        "images": [image for image in ground_truth["images"] if image["id"] in image_ids],
        "categories": [kind for kind in ground_truth["categories"] if kind["id"] in category_ids],
        "annotations": [
            annotation
            for annotation in ground_truth["annotations"]
            if annotation["image_id"] in image_ids and annotation["category_id"] in category_ids
        ],
    }


def _abridged(names: Sequence[str], shown: int = 5) -> str:
    return ", ".join(names[:shown]) + (f", ... ({len(names)})" if len(names) > shown else "")
