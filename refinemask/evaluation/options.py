"""The options of an evaluation."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from refinemask.configs.options import Option, check_options, read_names
from refinemask.configs.protocols import EvaluationProtocol
from refinemask.errors import WrongUsage


def _read_map(text: str) -> tuple[tuple[str, str], ...]:
    pairs = [tuple(name.strip() for name in pair.split("=")) for pair in text.split(",")]
    if not all(len(pair) == 2 and all(pair) for pair in pairs):
        raise WrongUsage(
            f"--map must be MODEL=DATASET,..., such as person=pedestrian, got {text!r}"
        )
    return tuple((model, dataset) for model, dataset in pairs)


@dataclass(frozen=True)
class EvalOptions:
    """What is measured on which dataset, and where predictions are kept."""

    dataset: Annotated[str, Option(metavar="SPEC")]
    """ANNOTATIONS.json, ANNOTATIONS.json@IMAGES_DIR, ROOT/gtFine/SPLIT, DATA.yaml:SPLIT (YOLO), a
    folder of LabelMe files, shapes or shapes:COUNT."""
    results: Annotated[Path | None, Option(metavar="FILE.json")] = None
    """COCO results to measure instead of a model."""
    classes: Annotated[tuple[str, ...] | None, Option(metavar="A,B,...", read=read_names)] = None
    """Classes to evaluate; default: those that the model and the dataset share."""
    map: Annotated[
        tuple[tuple[str, str], ...] | None, Option(metavar="MODEL=DATASET,...", read=_read_map)
    ] = None
    """Classes of the model, or of the results, that the dataset calls by another name."""
    limit: Annotated[int | None, Option(min=1)] = None
    """Number of images to evaluate, the first ones; default: all."""
    protocol: EvaluationProtocol | None = None
    """How to measure; default: the protocol of the dataset's own benchmark."""
    lvis_as_coco: bool = False
    """AP*: a model with COCO's classes on LVIS annotations of these classes."""
    ground_truth_boxes: bool = False
    """Measure the mask head alone: segment the annotated boxes instead of detecting."""
    output: Annotated[Path | None, Option(metavar="DIR")] = None
    """Folder for predictions.jsonl, written image by image, and metrics.json."""
    resume: bool = False
    """Continue with the predictions in `output`."""

    def __post_init__(self) -> None:
        check_options(self)
        if self.results is not None and self.output is not None:
            raise WrongUsage("--output requires a model or an artifact, not --results")
        if self.results is not None and self.ground_truth_boxes:
            raise WrongUsage("--ground-truth-boxes requires a model or an artifact, not --results")
        if self.resume and self.output is None:
            raise WrongUsage("--resume requires --output DIR")
