"""Read ground truth and results in COCO's format, checking every entry.

Image and category ids become numbers from 1 in the order of the sorted ids, which is the order
that pycocotools visits them in; ids may then be of any kind, text included.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any

from pycocotools import mask as coco_mask

from refinemask.errors import RefineMaskError
from refinemask.evaluation.boundary import mask_edges
from refinemask.structures import Rle

Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Image:
    """An image of the ground truth: its number and its size in pixels."""

    number: int
    height: int
    width: int


@dataclass(frozen=True)
class Annotation:
    """An object of the ground truth or a detection.

    Attributes:
        image: number of the image.
        category: number of the category.
        box: x, y, width, height in pixels.
        mask: None where only boxes are needed.
        area: in pixels as the ground truth states it, else None.
        crowd: whether the annotation covers several objects that were not outlined one by one.
        score: of a detection; 0 for ground truth.
    """

    image: int
    category: int
    box: Box
    mask: Rle | None
    area: float | None = None
    crowd: bool = False
    score: float = 0.0


@dataclass(frozen=True)
class GroundTruth:
    """A COCO dataset; images and category numbers by their ids."""

    images: dict[Any, Image]
    categories: dict[Any, int]
    annotations: list[Annotation]


def read_ground_truth(dataset: Mapping[str, Any], need_masks: bool) -> GroundTruth:
    """Read the images, categories and annotations of a COCO dataset.

    Raises:
        RefineMaskError: a part is missing, or an entry is malformed.
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
    truth = GroundTruth(images, categories, [])
    for index, entry in enumerate(dataset["annotations"]):
        where = f"annotation {index} of the ground truth"
        common = _read_common(entry, truth, need_masks, where)
        area = entry.get("area")
        if area is not None:
            (area,) = _numbers([area], 1, f"{where}: area")
        crowd = bool(entry.get("iscrowd", 0))
        truth.annotations.append(Annotation(**common, area=area, crowd=crowd))
    return truth


def read_results(
    results: Sequence[Mapping[str, Any]], truth: GroundTruth, need_masks: bool
) -> list[Annotation]:
    """Read COCO results for the images of `truth`.

    Raises:
        RefineMaskError: an entry is malformed, or its image or category is not in `truth`.
    """
    if isinstance(results, Mapping) or not isinstance(results, Sequence):
        raise RefineMaskError(
            f"COCO results are a list of detections, got {type(results).__name__}; "
            "give the results of predict, not a dataset"
        )
    detections = []
    for index, entry in enumerate(results):
        where = f"result {index}"
        common = _read_common(entry, truth, need_masks, where)
        (score,) = _numbers([_get(entry, "score", where)], 1, f"{where}: score")
        detections.append(Annotation(**common, score=score))
    return detections


def _read_image(number: int, image: Mapping[str, Any]) -> Image:
    where = f"image {image['id']!r} of the ground truth"
    size = [_get(image, key, where) for key in ("height", "width")]
    height, width = _numbers(size, 2, f"{where}: height and width")
    return Image(number, int(height), int(width))


def _read_common(
    entry: Mapping[str, Any], truth: GroundTruth, need_masks: bool, where: str
) -> dict[str, Any]:
    """Read what annotations and results share: image, category, box and mask."""
    image_id, category_id = (_get_id(entry, key, where) for key in ("image_id", "category_id"))
    image = truth.images.get(image_id)
    if image is None:
        raise RefineMaskError(
            f"{where} is for image {image_id!r}, which is not among the {len(truth.images)} images "
            "of the ground truth; is it of another dataset?"
        )
    if category_id not in truth.categories:
        raise RefineMaskError(
            f"{where} has the category {category_id!r}, which is not among the "
            f"{len(truth.categories)} categories of the ground truth; is it of another dataset?"
        )
    box = entry.get("bbox")
    mask = None
    if need_masks or box is None:
        mask = _read_mask(_get(entry, "segmentation", where), image, where)
    if box is None:
        box = coco_mask.toBbox(mask).tolist()
    box = _numbers(box, 4, f"{where}: bbox")
    if box[2] < 0 or box[3] < 0:
        raise RefineMaskError(f"{where}: bbox is x, y, width, height, got {box}")
    category = truth.categories[category_id]
    return {"image": image.number, "category": category, "box": box, "mask": mask}


def _read_mask(segmentation: Any, image: Image, where: str) -> Rle:
    """Return polygons, plain counts or compressed counts as compressed counts."""
    size = [image.height, image.width]
    try:
        if isinstance(segmentation, Mapping):
            if list(segmentation["size"]) != size:
                raise RefineMaskError(
                    f"{where}: the mask is {segmentation['size']} pixels (height, width), its "
                    f"image {size}; masks must be on the grid of the original image"
                )
            rle = {"size": size, "counts": segmentation["counts"]}
            if isinstance(rle["counts"], list):
                rle = coco_mask.frPyObjects(rle, *size)
        else:
            rle = coco_mask.merge(coco_mask.frPyObjects(segmentation, *size))
        counts = rle["counts"]
        text = counts.decode("ascii") if isinstance(counts, bytes) else counts
        mask: Rle = {"size": size, "counts": text}
        mask_edges(mask)
    except RefineMaskError as error:
        raise RefineMaskError(f"{where}: {error}") from error
    except Exception as error:  # whatever pycocotools makes of malformed input
        raise RefineMaskError(
            f"{where}: segmentation must be polygons or a run-length encoding, "
            f"got {str(segmentation)[:60]}"
        ) from error
    return mask


def _get(entry: Any, key: str, where: str) -> Any:
    if not isinstance(entry, Mapping) or key not in entry:
        raise RefineMaskError(f"{where} has no {key}: {str(entry)[:80]}; see COCO's format")
    return entry[key]


def _get_id(entry: Any, key: str, where: str) -> Any:
    value = _get(entry, key, where)
    if not isinstance(value, str | Real):
        raise RefineMaskError(f"{where}: {key} must be a number or text, got {str(value)[:40]}")
    return value


def _numbers(values: Any, count: int, what: str) -> tuple[float, ...]:
    try:
        numbers = tuple(float(value) for value in values)
    except (TypeError, ValueError):
        numbers = ()
    if len(numbers) != count or not all(map(math.isfinite, numbers)):
        wanted = "a finite number" if count == 1 else f"{count} finite numbers"
        raise RefineMaskError(f"{what} must be {wanted}, got {str(values)[:60]}")
    return numbers


def _sorted(ids: Iterable[Any]) -> list[Any]:
    return sorted(ids, key=lambda id_: (isinstance(id_, str), id_))
