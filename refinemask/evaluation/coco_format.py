"""Read ground truth and results in COCO's format, checking every entry.

Entries are read one category at a time, so that those of a large dataset never stand in memory in a
second form all together. Image and category ids become numbers from 1 in the order of the sorted
ids, which is the order that pycocotools visits them in; ids may then be of any kind, text included.
"""

import math
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any

from pycocotools import mask as coco_mask

from refinemask.data.segmentations import SHORTEST_POLYGON, segmentation_problem
from refinemask.errors import RefineMaskError
from refinemask.inference.pixel_limit import size_problem
from refinemask.inference.rle import compressed, mask_areas, run_lengths
from refinemask.inference.structures import Rle

_BATCH = 64
"""Masks checked at once: enough to spread NumPy's overhead, few enough for the cache."""

Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Image:
    """An image of the ground truth: its number and its size in pixels."""

    number: int
    height: int
    width: int


@dataclass(frozen=True, slots=True)
class Annotation:
    """An object of the ground truth or a detection.

    Attributes:
        image: number of the image.
        box: x, y, width, height in pixels; None where only masks are needed and none is given.
        mask: None where only boxes are needed.
        pixels: area of the mask; 0 without one.
        area: in pixels as the ground truth states it, else None.
        crowd: whether the annotation covers several objects that were not outlined one by one.
        score: of a detection; 0 for ground truth.
    """

    image: int
    box: Box | None
    mask: Rle | None
    pixels: int
    area: float | None = None
    crowd: bool = False
    score: float = 0.0


@dataclass(frozen=True)
class Entries:
    """Annotations or results as they were given, sorted into categories but not read yet.

    Attributes:
        given: all entries.
        positions: where those of each category number are in `given`.
        name: what an entry is called in errors, with a place for its position.
    """

    given: Sequence[Mapping[str, Any]]
    positions: Mapping[int, Sequence[int]]
    name: str


@dataclass(frozen=True)
class GroundTruth:
    """A COCO dataset; images and category numbers by their ids."""

    images: dict[Any, Image]
    categories: dict[Any, int]
    annotations: Entries


def read_ground_truth(dataset: Mapping[str, Any]) -> GroundTruth:
    """Read the images and categories of a COCO dataset and sort its annotations.

    Raises:
        RefineMaskError: a part is missing, or an entry has no place among the others.
    """
    missing = [key for key in ("images", "annotations", "categories") if key not in dataset]
    if missing:
        raise RefineMaskError(
            f"the ground truth has no {' and no '.join(missing)}; give annotations in COCO's format"
        )
    image_of = {_get_id(image, "id", "an image"): image for image in dataset["images"]}
    images = {
        id_: _read_image(number, image_of[id_]) for number, id_ in enumerate(_sorted(image_of), 1)
    }
    category_ids = {_get_id(category, "id", "a category") for category in dataset["categories"]}
    categories = {id_: number for number, id_ in enumerate(_sorted(category_ids), 1)}
    name = "annotation {} of the ground truth"
    annotations = _sort(dataset["annotations"], images, categories, name)
    return GroundTruth(images, categories, annotations)


def read_results(results: Sequence[Mapping[str, Any]], truth: GroundTruth) -> Entries:
    """Sort COCO results for the images of `truth`.

    Raises:
        RefineMaskError: these are no results, or the image or category of one is not in `truth`.
    """
    if isinstance(results, Mapping) or not isinstance(results, Sequence):
        raise RefineMaskError(
            f"COCO results are a list of detections, got {type(results).__name__}; "
            "give the results of predict, not a dataset"
        )
    return _sort(results, truth.images, truth.categories, "result {}")


def read_annotations(truth: GroundTruth, category: int, kinds: Sequence[str]) -> list[Annotation]:
    """Read the annotations of one category.

    Raises:
        RefineMaskError: one of them is malformed.
    """
    annotations = []
    for where, entry, common in _read(truth.annotations, truth, category, kinds):
        area = entry.get("area")
        if area is not None:
            (area,) = _numbers([area], 1, f"{where}: area")
        annotations.append(Annotation(*common, area=area, crowd=bool(entry.get("iscrowd", 0))))
    return annotations


def read_detections(
    results: Entries, truth: GroundTruth, category: int, kinds: Sequence[str]
) -> list[Annotation]:
    """Read the results of one category.

    Raises:
        RefineMaskError: one of them is malformed.
    """
    detections = []
    for where, entry, common in _read(results, truth, category, kinds):
        detections.append(Annotation(*common, score=_read_score(entry, where)))
    return detections


def read_score(results: Entries, position: int) -> float:
    """Read the score of one result.

    Raises:
        RefineMaskError: it has none.
    """
    return _read_score(results.given[position], results.name.format(position))


def _sort(
    given: Sequence[Mapping[str, Any]],
    images: dict[Any, Image],
    categories: dict[Any, int],
    name: str,
) -> Entries:
    positions: dict[int, array[int]] = {}
    for position, entry in enumerate(given):
        where = name.format(position)
        image_id, category_id = (_get_id(entry, key, where) for key in ("image_id", "category_id"))
        if image_id not in images:
            raise RefineMaskError(
                f"{where} is for image {image_id!r}, which is not among the {len(images)} images "
                "of the ground truth; is it of another dataset?"
            )
        if category_id not in categories:
            raise RefineMaskError(
                f"{where} has the category {category_id!r}, which is not among the "
                f"{len(categories)} categories of the ground truth; is it of another dataset?"
            )
        positions.setdefault(categories[category_id], array("q")).append(position)
    return Entries(given, positions, name)


Common = tuple[int, Box | None, Rle | None, int]
"""What annotations and results share: image, box, mask and its pixels."""


def _read(
    entries: Entries, truth: GroundTruth, category: int, kinds: Sequence[str]
) -> Iterator[tuple[str, Mapping[str, Any], Common]]:
    """Yield each entry of a category with its name and what it shares with all others."""
    positions = entries.positions.get(category, [])
    need_boxes, need_masks = "box" in kinds, any(kind != "box" for kind in kinds)
    for start in range(0, len(positions), _BATCH):
        batch = positions[start : start + _BATCH]
        names = [entries.name.format(position) for position in batch]
        given = [entries.given[position] for position in batch]
        images = [truth.images[entry["image_id"]] for entry in given]
        masks = [
            _read_mask(_get(entry, "segmentation", where), image, where)
            if need_masks or (need_boxes and entry.get("bbox") is None)
            else None
            for entry, image, where in zip(given, images, names, strict=True)
        ]
        pixels = _count_pixels(masks, names)
        for where, entry, image, mask, area in zip(
            names, given, images, masks, pixels, strict=True
        ):
            yield (
                where,
                entry,
                (image.number, _read_box(entry, mask, need_boxes, where), mask, area),
            )


def _count_pixels(masks: Sequence[Rle | None], names: Sequence[str]) -> list[int]:
    given = [mask for mask in masks if mask is not None]
    try:
        areas = iter(mask_areas(given).tolist())
    except RefineMaskError:
        for where, mask in zip(names, masks, strict=True):
            _check_alone(mask, where)
        raise
    return [0 if mask is None else next(areas) for mask in masks]


def _check_alone(mask: Rle | None, where: str) -> None:
    try:
        if mask is not None:
            run_lengths(mask)
    except RefineMaskError as error:
        raise RefineMaskError(f"{where}: {error}") from error


def _read_image(number: int, image: Mapping[str, Any]) -> Image:
    where = f"image {image['id']!r} of the ground truth"
    height, width = (_get(image, key, where) for key in ("height", "width"))
    problem = size_problem(height, width)
    if problem:
        raise RefineMaskError(f"{where} {problem}")
    return Image(number, height, width)


def _read_score(entry: Mapping[str, Any], where: str) -> float:
    (score,) = _numbers([_get(entry, "score", where)], 1, f"{where}: score")
    return score


def _read_box(entry: Mapping[str, Any], mask: Rle | None, needed: bool, where: str) -> Box | None:
    given = entry.get("bbox")
    if given is None:
        return tuple(coco_mask.toBbox(mask).tolist()) if needed else None
    x, y, width, height = _numbers(given, 4, f"{where}: bbox")
    if width < 0 or height < 0:
        raise RefineMaskError(f"{where}: bbox is x, y, width, height, got {given}")
    return x, y, width, height


def _read_mask(segmentation: Any, image: Image, where: str) -> Rle:
    """Return polygons, plain counts or compressed counts as compressed counts."""
    height, width = image.height, image.width
    problem = segmentation_problem(segmentation, height, width)
    if problem:
        raise RefineMaskError(f"{where} {problem}")
    if isinstance(segmentation, Mapping):
        try:
            return compressed(segmentation)
        except RefineMaskError as error:
            raise RefineMaskError(f"{where}: {error}") from error
    polygons = [part for part in segmentation if len(part) >= SHORTEST_POLYGON]
    if not polygons:
        raise RefineMaskError(
            f"{where} has no polygon of three points as `segmentation`, "
            f"got {str(segmentation)[:60]}"
        )
    return compressed(coco_mask.merge(coco_mask.frPyObjects(polygons, height, width)))


def _get(entry: Any, key: str, where: str) -> Any:
    if not isinstance(entry, dict | Mapping) or key not in entry:
        raise RefineMaskError(f"{where} has no {key}: {str(entry)[:80]}; see COCO's format")
    return entry[key]


def _get_id(entry: Any, key: str, where: str) -> Any:
    value = _get(entry, key, where)
    if not isinstance(value, int | str | Real):
        raise RefineMaskError(f"{where}: {key} must be a number or text, got {str(value)[:40]}")
    return value


def _numbers(values: Any, count: int, what: str) -> tuple[float, ...]:
    try:
        numbers = tuple(float(value) for value in values)
    except (TypeError, ValueError, OverflowError):
        numbers = ()
    if len(numbers) != count or not all(map(math.isfinite, numbers)):
        wanted = "a finite number" if count == 1 else f"{count} finite numbers"
        got = values[0] if count == 1 else values
        raise RefineMaskError(f"{what} must be {wanted}, got {str(got)[:60]}")
    return numbers


def _sorted(ids: Iterable[Any]) -> list[Any]:
    return sorted(ids, key=lambda id_: (isinstance(id_, str), id_))
