"""What commands share that go through images and write results as they come."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from refinemask.cli.inputs import expand_patterns, refuse_to_overwrite_dataset
from refinemask.console import (
    Advance,
    note,
    progress_bar,
    refuse_to_overwrite,
    write_result,
)
from refinemask.errors import RefineMaskError, WrongUsage
from refinemask.inference.options import ImageOptions
from refinemask.printable import counted, one_line

if TYPE_CHECKING:
    from refinemask.data.dataset import InstanceDataset
    from refinemask.inference.prediction import Source
    from refinemask.inference.prediction_log import PredictionLog

Images = Annotated[
    list[Path] | None, typer.Argument(metavar="IMAGE", help="Images, or folders of images.")
]
Work = Callable[["PredictionLog", Advance], list[str]]
"""Adds the results of every image to a log; returns a line for each image that failed."""


def check_arguments(
    images: Sequence[str | Path] | None, options: ImageOptions, json: str | None
) -> None:
    """Check that there are images and a place for the results.

    Raises:
        WrongUsage: there are not.
    """
    if (not images) == (options.dataset is None):
        raise WrongUsage("give either IMAGE ... (images, or folders of images) or --dataset SPEC")
    if options.output is None and json is None:
        raise WrongUsage("give --output DIR, --json PATH or both")
    if options.resume and not _is_resumable(options, json):
        raise WrongUsage("--resume requires --output DIR or --json PATH")


def open_images(options: ImageOptions) -> "InstanceDataset | None":
    """Open the dataset that the images are of, if there is one."""
    if options.dataset is None:
        return None
    from refinemask.data.open import open_dataset

    return open_dataset(options.dataset, images_only=True)


def list_sources(
    images: Sequence[str | Path], dataset: "InstanceDataset | None", options: ImageOptions
) -> list["Source"]:
    """Return the images to go through."""
    from refinemask.inference.images import list_images
    from refinemask.inference.prediction import dataset_sources, file_sources

    if dataset is None:
        return file_sources(list_images(expand_patterns(images)), options.output)
    return dataset_sources(dataset, options.limit, options.output)


def check_outputs(
    read: Sequence[str | Path | None],
    dataset: "InstanceDataset | None",
    sources: Sequence["Source"],
    options: ImageOptions,
    json: str | None,
) -> None:
    """Check that nothing that is written replaces anything that is read, or written too.

    Args:
        read: files that are read besides the images.
        dataset: that the images are of, if there is one.
        sources: the images.
        options: where pictures are written.
        json: where results are written.

    Raises:
        WrongUsage: something would.
    """
    pictures = [source.picture for source in sources]
    log = _log_path(options, json) if _is_resumable(options, json) else None
    refuse_to_overwrite(read, [json, log, *pictures])
    if dataset is None:
        refuse_to_overwrite([source.path for source in sources], [json, log, *pictures])
    else:
        assert options.dataset is not None
        refuse_to_overwrite_dataset(options.dataset, dataset, [json, log, *pictures])
    for path in (json, log):
        refuse_to_overwrite([*pictures, log if path is json else None], [path])


def write_as_they_come(
    sources: Sequence["Source"],
    options: ImageOptions,
    json: str | None,
    made_by: dict[str, Any],
    work: Work,
    *,
    result: str = "detection",
    done_to: str = "predicted",
) -> None:
    """Do the work, write its results, and say which images failed.

    Args:
        sources: the images.
        options: where pictures are written, and whether to continue an interrupted command.
        json: where results are written.
        made_by: what the results depend on besides the images.
        work: what is done.
        result: what one result is called.
        done_to: what has been done to an image.

    Raises:
        RefineMaskError: an image failed.
    """
    from refinemask.inference.prediction import logged_results

    with _log(options, json, made_by) as log:
        with _progress(len(sources), _is_resumable(options, json)) as step:
            failures = work(log, step)
        done = len(sources) - len(failures)
        if done:
            found = sum(1 for _ in logged_results(sources, log))
            where = f"; drawn in {options.output}" if options.output else ""
            counts = f"{counted(found, result)} in {counted(done, 'image')}{where}"
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
        f"{len(failures)} of {counted(len(sources), 'image')} could not be {done_to}; {others}"
    )


def _is_resumable(options: ImageOptions, json: str | None) -> bool:
    return options.output is not None or json != "-"


def _log_path(options: ImageOptions, json: str | None) -> Path:
    """Return where results are written as they come: into the folder, or beside the JSON."""
    from refinemask.inference.prediction_log import FILE_NAME

    if options.output is not None:
        return options.output / FILE_NAME
    assert json is not None
    return Path(json).with_name(f"{Path(json).name}.{FILE_NAME}")


@contextmanager
def _log(
    options: ImageOptions, json: str | None, made_by: dict[str, Any]
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
