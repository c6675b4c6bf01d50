"""`refinemask predict`: detect objects in photographs, draw them, write COCO results."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from refinemask.cli.per_image import (
    Images,
    check_arguments,
    check_outputs,
    list_sources,
    open_images,
    write_as_they_come,
)
from refinemask.cli.selection import PredictorChoice
from refinemask.configs.shared_options import Json
from refinemask.inference.options import PredictOptions

if TYPE_CHECKING:
    from refinemask.data.dataset import InstanceDataset
    from refinemask.inference.structures import Predictor


def predict(
    choice: PredictorChoice,
    options: PredictOptions,
    images: Images = None,
    json: Json = None,
) -> None:
    """Detect objects in images and draw their masks.

    Results are written as they come: where the command was interrupted, --resume continues. Images
    that cannot be read are listed at the end, and the exit code is 1.
    """
    check_arguments(images, options, json)
    choice.check()
    from refinemask.inference.prediction import predict_sources

    dataset = open_images(options)
    sources = list_sources(images or [], dataset, options)
    check_outputs([choice.artifact, choice.model], dataset, sources, options, json)
    predictor = choice.open()
    category_ids = _category_ids(predictor, dataset)
    made_by = {"model": choice.identity()} | _describe(
        options, category_ids or predictor.category_ids
    )
    write_as_they_come(
        sources,
        options,
        json,
        made_by,
        lambda log, step: predict_sources(predictor, sources, log, options, category_ids, step),
    )


def _category_ids(
    predictor: "Predictor", dataset: "InstanceDataset | None"
) -> Sequence[int | None] | None:
    """Return a dataset's category id for each label; None where there are no categories."""
    if dataset is None or not dataset.class_names:
        return None
    from refinemask.evaluation.run import match_classes

    return match_classes(predictor, dataset)


def _describe(options: PredictOptions, category_ids: Sequence[int | None]) -> dict[str, Any]:
    """Return what the results depend on besides the model and the images."""
    return {
        "dataset": options.dataset,
        "category_ids": list(category_ids),
        "score_threshold": options.score_threshold,
        "max_detections": options.max_detections,
        "tile": options.tile,
        "overlap": options.overlap,
        "draw_threshold": None if options.output is None else options.draw_threshold,
    }
