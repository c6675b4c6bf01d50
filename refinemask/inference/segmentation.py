"""Segment the boxes of any detector in image files: COCO results and pictures (NumPy only)."""

import logging
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from refinemask.configs.classes import numbered_classes
from refinemask.errors import RefineMaskError
from refinemask.inference.drawing import draw
from refinemask.inference.file_names import FileNames
from refinemask.inference.images import save_image
from refinemask.inference.options import ImageOptions
from refinemask.inference.prediction import Progress, Source, naming_memory, process_sources
from refinemask.inference.prediction_log import PredictionLog
from refinemask.inference.results import to_coco_results
from refinemask.inference.structures import Detections, Segmenter
from refinemask.printable import counted, listed, shown

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class BoxEntry:
    """A box as a file gives it.

    Attributes:
        where: its place, as errors name it: "boxes.csv, line 3".
        image: the id of its image, or the path of the file.
        box: x1, y1, x2, y2 in pixels of the image.
        name: of its class, or the category id as text; None if it has none.
        category_id: of its class, if it is given.
        score: how sure its detector is.
    """

    where: str
    image: int | str
    box: tuple[float, float, float, float]
    name: str | None
    category_id: int | None
    score: float


@dataclass(frozen=True)
class LabelledBox:
    """A box with the class whose mask is predicted, and the category that its result gets."""

    entry: BoxEntry
    label: int
    category_id: int
    category_name: str | None


def match_images(
    entries: Sequence[BoxEntry], sources: Sequence[Source]
) -> dict[str, list[BoxEntry]]:
    """Return the boxes of each image, by the key of its source.

    Images are matched by id, else by the end of the path. Boxes of other images are left out, with
    a warning.

    Raises:
        RefineMaskError: no box is in any of the images.
    """
    by_id = {source.image_id: source for source in sources}
    by_path = FileNames((str(source.path), source) for source in sources)
    found: defaultdict[str, list[BoxEntry]] = defaultdict(list)
    others: dict[int | str, BoxEntry] = {}
    for entry in entries:
        source = by_id.get(entry.image)
        if source is None and isinstance(entry.image, str):
            source = by_path.find(entry.image)
        if source is None:
            others.setdefault(entry.image, entry)
        else:
            found[source.key].append(entry)
    if not others:
        return found
    first = next(iter(others.values()))
    if not found:
        advice = (
            "" if isinstance(first.image, str) else "; --dataset SPEC says which image an id is"
        )
        raise RefineMaskError(
            f"{first.where}: the image {shown(first.image)} is none of those given, nor is that of "
            f"any other box{advice}"
        )
    logger.warning(
        "left out the boxes of %s that %s not given, such as %s (%s)",
        counted(len(others), "image"),
        "is" if len(others) == 1 else "are",
        shown(first.image),
        first.where,
    )
    return found


def label_boxes(
    entries: Sequence[BoxEntry],
    names: Sequence[str],
    category_ids: Sequence[int],
    dataset: Mapping[int, str] | None = None,
) -> list[LabelledBox]:
    """Find the class of the model for each box.

    Args:
        entries: boxes that give their class by name or by category id.
        names: of the classes of the model; a model of one class takes boxes of any class.
        category_ids: of these classes.
        dataset: names by category id of the dataset that boxes and results are for; None for
            those of the model.

    Raises:
        RefineMaskError: a box has no class that the model has, and the model has several; or none
            that the dataset has.
    """
    categories = dataset or dict(zip(category_ids, names, strict=True))
    index_of = {name: index for index, name in enumerate(names)}
    id_of = {name: id_ for id_, name in categories.items()}
    numbered = numbered_classes(len(names))
    found = []
    for entry in entries:
        name, category_id = _given_class(entry, {*names, *id_of}, categories)
        label = 0 if len(names) == 1 else index_of.get(name or "")
        if label is None:
            raise RefineMaskError(f"{entry.where}: {_unknown(entry, names, 'the model')}")
        if category_id is None:
            name = name or names[label]
            if dataset and name not in id_of:
                known = tuple(id_of)
                raise RefineMaskError(f"{entry.where}: {_unknown(entry, known, 'the dataset')}")
            category_id = id_of.get(name, category_ids[label])
        found.append(LabelledBox(entry, label, category_id, None if name in numbered else name))
    return found


def _given_class(
    entry: BoxEntry, known: set[str], categories: Mapping[int, str]
) -> tuple[str | None, int | None]:
    """Return the name and the category id that an entry gives, None for what is not known."""
    name, category_id = entry.name, entry.category_id
    if name and name not in known and _is_integer(name):
        category_id, name = int(name), None
    if name is None and category_id is not None:
        name = categories.get(category_id)
    return name, category_id


def segment_sources(
    segmenter: Segmenter,
    sources: Sequence[Source],
    boxes: Mapping[str, Sequence[LabelledBox]],
    log: PredictionLog,
    options: ImageOptions,
    named: bool,
    progress: Progress | None = None,
) -> list[str]:
    """Segment boxes in images, one image after the other, and write the masks as they come.

    Args:
        segmenter: a model, or an engine of an artifact that takes boxes.
        sources: the images.
        boxes: those of each image, by the key of its source.
        log: where results go; images that it has are not segmented again.
        options: which boxes are kept and drawn.
        named: whether results say the name of their category.
        progress: called after each image.

    Returns:
        For each image that cannot be read or run, one line that says why.

    Raises:
        RefineMaskError: as `refinemask.inference.prediction.predict_sources`.
    """
    kept = {
        key: [one for one in found if one.entry.score >= options.score_threshold]
        for key, found in boxes.items()
    }

    def find(source: Source) -> tuple[NDArray[np.uint8], Detections]:
        with naming_memory(source):
            image = source.load()
            return image, _segment(segmenter, source, image, kept.get(source.key, ()))

    def record(source: Source, found: tuple[NDArray[np.uint8], Detections]) -> list[dict[str, Any]]:
        image, detections = found
        given = kept.get(source.key, ())
        # Labels of their own for drawing and results: the category of each box as it was given.
        each = replace(detections, labels=np.arange(len(given)))
        if source.picture is not None:
            names = [one.category_name or f"category {one.category_id}" for one in given]
            save_image(source.picture, draw(image, each, names, options.draw_threshold))
        results = to_coco_results(each, source.image_id, [one.category_id for one in given])
        for result, one in zip(results, given, strict=True):
            if named and one.category_name is not None:
                result["category_name"] = one.category_name
        return results

    return process_sources(sources, log, find, record, options.strict, progress)


def _segment(
    segmenter: Segmenter,
    source: Source,
    image: NDArray[np.uint8],
    boxes: Sequence[LabelledBox],
) -> Detections:
    corners = np.array([one.entry.box for one in boxes], np.float64).reshape(-1, 4)
    _warn_of_units(source, image.shape[:2], corners)
    labels = np.array([one.label for one in boxes], np.int64)
    scores = np.array([one.entry.score for one in boxes], np.float64)
    try:
        # Probabilities give the drawing finer outlines than a bitmap.
        return segmenter.segment(image, corners, labels, scores, "probs")
    except RefineMaskError as error:
        raise RefineMaskError(f"image {source.path}: {error}") from error


def _warn_of_units(source: Source, size: tuple[int, ...], corners: NDArray[np.float64]) -> None:
    """Warn of boxes in other units than pixels, or of another image."""
    height, width = size
    if len(corners) and (corners <= 1).all():
        logger.warning(
            "image %s: all boxes end within its first pixel; corners are in pixels, not fractions "
            "of the image",
            source.path,
        )
        return
    outside = ((corners[:, :2] >= [width, height]) | (corners[:, 2:] <= 0)).any(1)
    if outside.any():
        logger.warning(
            "image %s of %d x %d pixels: %s outside of it, with an empty mask",
            source.path,
            width,
            height,
            "1 box lies" if outside.sum() == 1 else f"{outside.sum()} boxes lie",
        )


def _is_integer(text: str) -> bool:
    return text.isascii() and text.removeprefix("-").isdecimal() and len(text) < 20


def _unknown(entry: BoxEntry, names: Sequence[str], owner: str) -> str:
    if entry.name is None and entry.category_id is None:
        return f"the box has no label, and {owner} has {len(names)} classes: {listed(names)}"
    given = shown(entry.name) if entry.name is not None else f"category id {entry.category_id}"
    return (
        f"the label {given} is no class of {owner} ({listed(names)}); leave the box out, or give "
        "the class that comes nearest"
    )
