"""`refinemask predict`: detect objects in photographs, draw them, write COCO results."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from refinemask.cli.inputs import refuse_to_overwrite_dataset
from refinemask.cli.selection import PredictorChoice
from refinemask.configs.shared_options import Json
from refinemask.console import (
    Advance,
    note,
    progress_bar,
    refuse_to_overwrite,
    write_result,
)
from refinemask.errors import RefineMaskError, WrongUsage
from refinemask.inference.options import PredictOptions
from refinemask.printable import counted, one_line

if TYPE_CHECKING:
    from refinemask.data.dataset import InstanceDataset
    from refinemask.inference.prediction import Source
    from refinemask.inference.prediction_log import PredictionLog
    from refinemask.inference.structures import Predictor


def predict(
    choice: PredictorChoice,
    options: PredictOptions,
    images: Annotated[
        list[Path] | None, typer.Argument(metavar="IMAGE", help="Images, or folders of images.")
    ] = None,
    json: Json = None,
) -> None:
    """Detect objects in images and draw their masks.

    Results are written as they come: where the command was interrupted, --resume continues. Images
    that cannot be read are listed at the end, and the exit code is 1.
    """
    _check(images, options, json)
    choice.check()
    from refinemask.inference.prediction import logged_results, predict_sources

    dataset = _open(options.dataset) if options.dataset is not None else None
    sources, read = _sources(images or [], dataset, options)
    _check_outputs([*read, choice.artifact, choice.model], dataset, sources, options, json)
    predictor = choice.open()
    category_ids = _category_ids(predictor, dataset)
    made_by = {"model": choice.identity()} | _describe(
        options, category_ids or predictor.category_ids
    )
    with _log(options, json, made_by) as log:
        with _progress(len(sources), _is_resumable(options, json)) as step:
            failures = predict_sources(predictor, sources, log, options, category_ids, step)
        done = len(sources) - len(failures)
        if done:
            found = sum(1 for _ in logged_results(sources, log))
            where = f"; drawn in {options.output}" if options.output else ""
            counts = f"{counted(found, 'detection')} in {counted(done, 'image')}{where}"
            write_result(counts, logged_results(sources, log), json)
        if failures and len(log):
            log.finish()
        else:
            log.remove()
    if not failures:
        return
    for failure in failures:
        note(f"error: {one_line(failure)}")
    others = "nothing was written"
    if done:
        repair = ", --resume adds repaired ones" if _is_resumable(options, json) else ""
        others = f"the results have the others{repair}"
    raise RefineMaskError(
        f"{len(failures)} of {counted(len(sources), 'image')} could not be predicted; {others}"
    )


def _check(images: list[Path] | None, options: PredictOptions, json: str | None) -> None:
    if (not images) == (options.dataset is None):
        raise WrongUsage("give either IMAGE ... (images, or folders of images) or --dataset SPEC")
    if options.output is None and json is None:
        raise WrongUsage("give --output DIR, --json PATH or both")
    if options.resume and not _is_resumable(options, json):
        raise WrongUsage("--resume requires --output DIR or --json PATH")


def _is_resumable(options: PredictOptions, json: str | None) -> bool:
    return options.output is not None or json != "-"


def _open(spec: str) -> "InstanceDataset":
    from refinemask.data.open import open_dataset

    return open_dataset(spec, images_only=True)


def _sources(
    images: list[Path], dataset: "InstanceDataset | None", options: PredictOptions
) -> tuple[list["Source"], list[str | Path]]:
    """Return the images to predict, and the files that are read for them."""
    from refinemask.inference.images import list_images
    from refinemask.inference.prediction import dataset_sources, file_sources

    if dataset is None:
        paths = list_images(images)
        return file_sources(paths, options.output), [*paths]
    assert options.dataset is not None
    sources = dataset_sources(dataset, options.limit, options.output)
    return sources, []


def _check_outputs(
    read: Sequence[str | Path | None],
    dataset: "InstanceDataset | None",
    sources: Sequence["Source"],
    options: PredictOptions,
    json: str | None,
) -> None:
    """Check that nothing that is written replaces anything that is read, or written too."""
    pictures = [source.picture for source in sources]
    log = _log_path(options, json) if _is_resumable(options, json) else None
    refuse_to_overwrite(read, [json, log, *pictures])
    if dataset is not None:
        assert options.dataset is not None
        refuse_to_overwrite_dataset(options.dataset, dataset, [json, log, *pictures])
    for path in (json, log):
        refuse_to_overwrite([*pictures, log if path is json else None], [path])


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
        "draw_threshold": None if options.output is None else options.draw_threshold,
    }


def _log_path(options: PredictOptions, json: str | None) -> Path:
    """Return where results are written as they come: into the folder, or beside the JSON."""
    from refinemask.inference.prediction_log import FILE_NAME

    if options.output is not None:
        return options.output / FILE_NAME
    assert json is not None
    return Path(json).with_name(f"{Path(json).name}.{FILE_NAME}")


@contextmanager
def _log(
    options: PredictOptions, json: str | None, made_by: dict[str, Any]
) -> Iterator["PredictionLog"]:
    from tempfile import TemporaryDirectory

    from refinemask.inference.prediction_log import PredictionLog

    if not _is_resumable(options, json):
        with TemporaryDirectory() as folder, PredictionLog(Path(folder), made_by, False) as log:
            yield log
        return
    path = _log_path(options, json)
    with PredictionLog(path.parent, made_by, options.resume, path.name) as log:
        yield log


@contextmanager
def _progress(total: int, resumable: bool) -> Iterator[Advance]:
    try:
        with progress_bar("images") as advance:
            advance(0, total)
            yield advance
    except KeyboardInterrupt:
        if resumable:
            note("what is done is kept; --resume continues")
        raise
