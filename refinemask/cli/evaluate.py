"""`refinemask eval`: accuracy on a dataset, by its own protocol."""

from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from refinemask.cli.inputs import refuse_to_overwrite_dataset
from refinemask.cli.selection import PredictorChoice
from refinemask.configs.shared_options import Json
from refinemask.console import current_setup, note, progress_bar, refuse_to_overwrite, write_result
from refinemask.evaluation.options import EvalOptions

if TYPE_CHECKING:
    from refinemask.data.dataset import EvaluationDataset
    from refinemask.data.summary import DatasetSummary
    from refinemask.inference.structures import Predictor


_METRICS = "metrics.json"
_COCO_DETECTIONS = 100


def evaluate(options: EvalOptions, choice: PredictorChoice, json: Json = None) -> None:
    """Measure accuracy by the protocol of the dataset.

    COCO: AP of boxes, masks and boundaries. LVIS: AP of boxes and masks, also of rare, common and
    frequent classes. Cityscapes, from its gtFine folders: AP of masks for each class.

    JSON: "images", then {"box", "mask", "boundary"}, each {"AP", "AP50", "AP75", "APs", "APm",
    "APl", "AR100"}. LVIS: "protocol", then {"box", "mask"} with "APr", "APc", "APf" for "AR100".
    Cityscapes: "protocol", "mask": {"AP", "AP50"}, "classes": {NAME: {"AP", "AP50"}}. Fractions,
    -1 where undefined. "dataset": the images and instances that are measured, and what is not.
    """
    choice.check(results=options.results)
    refuse_to_overwrite([choice.artifact, choice.model, options.results], [json])
    from refinemask import evaluation

    images = _open(options, json)
    summary = evaluation.summarise(options.dataset, images, options.limit)
    note(str(summary))
    if images.protocol == "coco" and (choice.max_detections or 0) > _COCO_DETECTIONS:
        note(
            f"COCO's protocol counts the best {_COCO_DETECTIONS} detections of an image; more "
            "change no figure"
        )
    renamed = dict(options.map or ())
    if options.results is not None:
        chosen = options.classes is not None
        result = evaluation.measure_file(
            options.results, images, options.limit, options.protocol, chosen, renamed
        )
        _write(result, summary, json)
        return
    predictor: Predictor = choice.open("masks" if options.ground_truth_boxes else "detections")
    if renamed:
        predictor = evaluation.RenamedClasses(predictor, renamed, images)
    log = None
    made_by: dict[str, Any] = {}
    if options.output is not None:
        limited = evaluation.describe_images(images, options.limit)
        made_by = {"model": choice.identity(), "dataset": {"name": options.dataset, **limited}}
        made_by |= {"map": renamed} if renamed else {}
        made_by |= {"ground_truth_boxes": True} if options.ground_truth_boxes else {}
        log = evaluation.PredictionLog(options.output, made_by, options.resume)
    with log or nullcontext(), progress_bar("images") as advance:
        result = evaluation.evaluate(
            predictor,
            images,
            limit=options.limit,
            progress=advance,
            protocol=options.protocol,
            log=log,
            ground_truth_boxes=options.ground_truth_boxes,
        )
    if options.output is not None:
        whole = result | {"dataset": summary.to_dict(), "made_by": made_by}
        _write_metrics(options.output / _METRICS, whole)
    _write(result, summary, json)


def _write(result: dict[str, Any], summary: "DatasetSummary", json: str | None) -> None:
    from refinemask.evaluation import format_table

    write_result(format_table(result), result | {"dataset": summary.to_dict()}, json)


def _open(options: EvalOptions, json: str | None) -> "EvaluationDataset":
    """Open the dataset, none of whose files may be overwritten."""
    from refinemask.data.open import open_dataset
    from refinemask.evaluation import LvisAsCoco
    from refinemask.evaluation.prediction_log import FILE_NAME

    classes = None if options.lvis_as_coco else options.classes
    dataset = open_dataset(options.dataset, classes, with_images=options.results is None)
    written = [options.output / name for name in (FILE_NAME, _METRICS)] if options.output else []
    refuse_to_overwrite_dataset(options.dataset, dataset, [json, *written])
    return LvisAsCoco(dataset, options.classes) if options.lvis_as_coco else dataset


def _write_metrics(path: Path, result: dict[str, Any]) -> None:
    from refinemask.files import to_json, write_text

    write_text(path, to_json(result | {"setup": current_setup()}, indent=2) + "\n")
