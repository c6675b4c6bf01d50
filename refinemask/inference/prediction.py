"""Detect objects in image files: COCO results for machines, pictures for people."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from refinemask.errors import RefineMaskError
from refinemask.files import check_writable, to_json, write_text
from refinemask.inference.drawing import draw
from refinemask.inference.images import load_image, save_image
from refinemask.inference.labelme_format import to_labelme
from refinemask.inference.options import PredictOptions
from refinemask.inference.prediction_log import PredictionLog
from refinemask.inference.results import to_coco_results
from refinemask.inference.sizes import DEFAULT_OVERLAP
from refinemask.inference.structures import Detections, Predictor
from refinemask.inference.tiles import predict_tiles

Progress = Callable[[int, int], None]
"""Called with the numbers of finished and of all images."""


@dataclass(frozen=True)
class Source:
    """One image to detect objects in.

    Attributes:
        path: its file.
        image_id: that of its results.
        load: reads it as uint8 RGB (H, W, 3).
        picture: where it is drawn; None for nowhere.
    """

    path: Path
    image_id: int | str
    load: Callable[[], NDArray[np.uint8]]
    picture: Path | None

    @property
    def labelme(self) -> Path | None:
        """Where its detections are written for LabelMe, if they are; None for nowhere."""
        return None if self.picture is None else self.picture.with_suffix(".json")

    @property
    def key(self) -> str:
        """What the log calls it; another picture would have to be drawn again."""
        return str(self.path) if self.picture is None else f"{self.path} as {self.picture.name}"


class ImageSet(Protocol):
    """Images with ids of their own, such as a dataset."""

    @property
    def image_ids(self) -> Sequence[int | str]: ...

    def image_path(self, index: int) -> Path: ...

    def load_image(self, index: int) -> NDArray[np.uint8]: ...


def file_sources(images: Sequence[Path], output: Path | None) -> list[Source]:
    """Describe image files; the id is the file name, or the path where several have that name.

    Raises:
        RefineMaskError: `output` is not writable, or a picture would replace one of the images.
    """
    uses = Counter(path.name for path in images)
    pictures = _picture_paths(images, output)
    image_ids = [path.name if uses[path.name] == 1 else str(path) for path in images]
    return [
        Source(path, image_id, partial(load_image, path), picture)
        for path, image_id, picture in zip(images, image_ids, pictures, strict=True)
    ]


def dataset_sources(dataset: ImageSet, limit: int | None, output: Path | None) -> list[Source]:
    """Describe the first images of a dataset, all if `limit` is None.

    Raises:
        RefineMaskError: as for `file_sources`.
    """
    image_ids = list(dataset.image_ids)[:limit]
    paths = [dataset.image_path(index) for index in range(len(image_ids))]
    found = zip(paths, image_ids, _picture_paths(paths, output), strict=True)
    return [
        Source(path, image_id, partial(dataset.load_image, index), picture)
        for index, (path, image_id, picture) in enumerate(found)
    ]


def predict_sources(
    predictor: Predictor,
    sources: Sequence[Source],
    log: PredictionLog,
    options: PredictOptions,
    category_ids: Sequence[int | None] | None = None,
    progress: Progress | None = None,
) -> list[str]:
    """Detect objects in images, one after the other, and write what is found as it comes.

    Args:
        predictor: a model or an engine.
        sources: the images.
        log: where results go; images that it has are not predicted again.
        options: which detections are kept and drawn.
        category_ids: of a dataset, for each label; None leaves its detections out. By default the
            predictor's own, with the names of its classes.
        progress: called after each image.

    Returns:
        For each image that cannot be read or run, one line that says why.

    Raises:
        RefineMaskError: a result cannot be written; or, with `options.strict`, an image cannot be
            read or run.
    """
    return process_sources(
        sources,
        log,
        lambda source: _detect(predictor, source, options),
        lambda source, found: _record(predictor, source, *found, options, category_ids),
        options.strict,
        progress,
    )


Found = TypeVar("Found")


def process_sources(
    sources: Sequence[Source],
    log: PredictionLog,
    find: Callable[[Source], Found],
    record: Callable[[Source, Found], list[dict[str, Any]]],
    strict: bool,
    progress: Progress | None = None,
) -> list[str]:
    """Run something on images, one after the other, and write what it finds as it comes.

    Args:
        sources: the images.
        log: where results go; images that it has are left out.
        find: what is done with an image; it may fail.
        record: draws what was found, and returns it as COCO results.
        strict: stop at the first failure.
        progress: called after each image.

    Returns:
        For each image that failed, one line that says why.
    """
    failures = []
    for done, source in enumerate(sources, start=1):
        if not _is_done(source, log):
            try:
                found = find(source)
            except RefineMaskError as error:
                if strict:
                    raise
                failures.append(str(error))
            else:
                log.add(source.key, record(source, found))
        if progress is not None:
            progress(done, len(sources))
    return failures


def logged_results(sources: Sequence[Source], log: PredictionLog) -> Iterator[dict[str, Any]]:
    """Yield the COCO results of those images that a log has, in the order of the images."""
    for source in sources:
        for result in log.get(source.key) or ():
            yield result | {"image_id": source.image_id}


def predict_images(
    predictor: Predictor,
    images: Sequence[Path],
    options: PredictOptions | None = None,
    progress: Progress | None = None,
) -> list[dict[str, Any]]:
    """Detect objects in image files, one after the other; the results stay in memory.

    Args:
        predictor: a model or an engine.
        images: the files.
        options: which detections are kept and drawn, and where; defaults if None. Pictures are
            numbered where stems are equal.
        progress: called after each image.

    Returns:
        COCO results; `image_id` is the file name, or the path where several files have that name.

    Raises:
        RefineMaskError: an image cannot be read, a picture cannot be written, or it would
            replace one of the images. The pictures drawn before are kept.
    """
    options = options or PredictOptions()
    results: list[dict[str, Any]] = []
    for done, source in enumerate(file_sources(images, options.output), start=1):
        image, found = _detect(predictor, source, options)
        results += _record(predictor, source, image, found, options)
        if progress is not None:
            progress(done, len(images))
    return results


def _detect(
    predictor: Predictor, source: Source, options: PredictOptions
) -> tuple[NDArray[np.uint8], Detections]:
    with naming_memory(source):
        image = source.load()
        return image, detect(predictor, image, options)


def detect(predictor: Predictor, image: NDArray[np.uint8], options: PredictOptions) -> Detections:
    """Detect objects in an image, with masks that suit drawing and results."""
    if options.tile is None:
        # Probabilities give the drawing finer outlines than a bitmap.
        return predictor.predict(image, "probs", options.score_threshold, options.max_detections)

    def predict(part: NDArray[np.uint8]) -> Detections:
        return predictor.predict(part, "probs", options.score_threshold)

    overlap = DEFAULT_OVERLAP if options.overlap is None else options.overlap
    # Run-length encodings are small, and those of the tiles to the pixel.
    return predict_tiles(predict, image, options.tile, overlap, "rle", options.max_detections)


@contextmanager
def naming_memory(source: Source) -> Iterator[None]:
    """Name the image where memory runs out."""
    try:
        yield
    except MemoryError as error:
        raise RefineMaskError(f"image {source.path}: not enough memory; scale it down") from error


def _record(
    predictor: Predictor,
    source: Source,
    image: NDArray[np.uint8],
    found: Detections,
    options: PredictOptions,
    category_ids: Sequence[int | None] | None = None,
) -> list[dict[str, Any]]:
    """Draw what was found in an image, and return it as COCO results."""
    if options.labelme and source.labelme is not None:
        content = to_labelme(
            found, predictor.class_names, source.path, source.labelme, options.draw_threshold
        )
        write_text(source.labelme, to_json(content, indent=2))
    if source.picture is not None:
        drawn = draw(image, found, predictor.class_names, options.draw_threshold)
        save_image(source.picture, drawn)
    if category_ids is not None:
        return to_coco_results(found, source.image_id, category_ids)
    return to_coco_results(found, source.image_id, predictor.category_ids, predictor.class_names)


def _is_done(source: Source, log: PredictionLog) -> bool:
    return source.key in log and (source.picture is None or source.picture.is_file())


def _picture_paths(images: Sequence[Path], output: Path | None) -> Sequence[Path | None]:
    if output is None:
        return [None] * len(images)
    check_writable(output)
    sources = {path.resolve() for path in images}
    pictures: dict[Path, None] = {}  # Keeps the order.
    next_number: dict[str, int] = {}
    for path in images:
        picture, number = output / f"{path.stem}.png", next_number.get(path.stem, 2)
        while picture in pictures:
            picture, number = output / f"{path.stem}_{number}.png", number + 1
        next_number[path.stem] = number
        if picture.resolve() in sources:
            raise RefineMaskError(
                f"the picture {picture} would replace an input image; choose another output folder"
            )
        pictures[picture] = None
    return list(pictures)
