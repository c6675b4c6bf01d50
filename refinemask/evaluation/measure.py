"""Measure results on a dataset by the protocol of the dataset."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from refinemask.configs.protocols import EvaluationProtocol
from refinemask.data.dataset import EvaluationDataset
from refinemask.data.masks import is_empty
from refinemask.data.summary import DatasetSummary, summarise_evaluation
from refinemask.errors import RefineMaskError
from refinemask.evaluation.cityscapes import cityscapes_metrics
from refinemask.evaluation.coco import coco_metrics
from refinemask.evaluation.coco_format import read_detections, read_ground_truth, read_results
from refinemask.evaluation.lvis import lvis_metrics
from refinemask.evaluation.metric_names import KINDS, LVIS_KINDS
from refinemask.evaluation.results_file import read_results_file

logger = logging.getLogger(__name__)


def measure(
    results: Sequence[Mapping[str, Any]],
    dataset: EvaluationDataset,
    image_ids: Sequence[int | str],
    category_ids: set[int],
    protocol: EvaluationProtocol | None = None,
) -> dict[str, Any]:
    """Measure results on some images and classes of a dataset.

    Args:
        results: COCO results of these images and classes; masks may be missing from all of them.
        dataset: the ground truth.
        image_ids: of the images to measure on, the first ones of the dataset.
        category_ids: of the classes to measure.
        protocol: how to measure; None for the dataset's own protocol.

    Returns:
        `images`, their number, and by protocol
        - coco: "box", "mask" and "boundary" as `coco_metrics`;
        - lvis: "protocol", "box" and "mask" as `lvis_metrics`;
        - cityscapes: "protocol", "mask" and "classes" as `cityscapes_metrics`.

    Raises:
        RefineMaskError: results are malformed or not of this dataset.
    """
    protocol = protocol or dataset.protocol
    boxes_only = bool(results) and not any("segmentation" in result for result in results)
    figures: dict[str, Any] = {"images": len(image_ids)}
    if protocol == "cityscapes":
        maps = _instance_maps(dataset, len(image_ids))
        if maps and not boxes_only:
            names = dict(zip(dataset.category_ids, dataset.class_names, strict=True))
            names = {id_: name for id_, name in names.items() if id_ in category_ids}
            checked = _check_masks_of(results, dataset, category_ids)
            images = zip(maps, _by_image(checked, image_ids), strict=True)
            return figures | {"protocol": protocol} | cityscapes_metrics(images, names)
        reason = "results without masks" if maps else "annotations without gtFine's instance maps"
        logger.warning("%s: measuring by COCO's protocol, not by that of Cityscapes", reason)
    ground_truth = _restrict(dataset.ground_truth, set(image_ids), category_ids)
    if protocol == "lvis":
        kinds = LVIS_KINDS[:1] if boxes_only else LVIS_KINDS
        return figures | {"protocol": protocol} | lvis_metrics(ground_truth, results, kinds)
    kinds = KINDS[:1] if boxes_only else KINDS
    return figures | coco_metrics(ground_truth, results, kinds)


def measure_file(
    path: Path,
    dataset: EvaluationDataset,
    limit: int | None = None,
    protocol: EvaluationProtocol | None = None,
    classes_chosen: bool = False,
    renamed: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Measure results that are in a file already.

    Args:
        path: COCO results as JSON, for example of `refinemask predict --json`; see
            `read_results_file` for how names are matched.
        dataset: what they were made on.
        limit: measure on the first images only; None for all.
        protocol: how to measure; None for the dataset's own protocol.
        classes_chosen: whether the dataset has less classes than its file, so that results of
            others are left out.
        renamed: the dataset's names for classes by the names that the results have.

    Returns:
        What `measure` returns.

    Raises:
        RefineMaskError: the file cannot be read, or is not of this dataset.
    """
    image_ids = first_images(dataset, limit)
    results = read_results_file(path, dataset, renamed)
    classes = set(dataset.category_ids)
    if classes_chosen:
        results = [r for r in results if not isinstance(r, dict) or r.get("category_id") in classes]
    try:
        read_results(results, read_ground_truth(dataset.ground_truth))
    except RefineMaskError as error:
        raise RefineMaskError(f"{path}: {error}") from error
    kept = set(image_ids)
    results = [result for result in results if result["image_id"] in kept]
    _check_not_empty(_restrict(dataset.ground_truth, kept, classes))
    covered = len({result["image_id"] for result in results})
    if covered < len(kept):
        logger.warning("%s has results for %d of %d images", path, covered, len(kept))
    return measure(results, dataset, image_ids, classes, protocol)


def check_masks(
    dataset: EvaluationDataset, image_ids: Sequence[int | str], category_ids: set[int]
) -> None:
    """Find annotations that cannot be measured before hours of prediction, not after them.

    Args:
        dataset: the ground truth.
        image_ids: of the images to measure on.
        category_ids: of the classes to measure.

    Raises:
        RefineMaskError: an annotation has no polygon of three points, where COCO's evaluator fails
            too, or a malformed encoding; or there is nothing to measure.
    """
    truth = _restrict(dataset.ground_truth, set(image_ids), category_ids)
    _check_not_empty(truth)
    sizes = {image["id"]: (image["height"], image["width"]) for image in truth["images"]}
    for annotation in truth["annotations"]:
        mask, where = annotation["segmentation"], f"annotation {annotation['id']!r}"
        try:
            empty = is_empty(mask, *sizes[annotation["image_id"]])
        except RefineMaskError as error:
            raise RefineMaskError(f"{where} of the dataset: {error}") from error
        if empty and isinstance(mask, list):
            others = sum(one["segmentation"] == [] for one in truth["annotations"])
            boxes = f" ({others} of {len(truth['annotations'])} have a box alone)" if others else ""
            raise RefineMaskError(
                f"{where} of the dataset has no polygon of three points, got {str(mask)[:60]}"
                f"{boxes}: outline it, or remove it from the annotations"
            )


def summarise(name: str, dataset: EvaluationDataset, limit: int | None = None) -> DatasetSummary:
    """Return what an evaluation on the first images of a dataset measures, all if `limit` is None.

    Raises:
        RefineMaskError: as `first_images`.
    """
    return summarise_evaluation(name, dataset.ground_truth, first_images(dataset, limit))


def _check_not_empty(truth: dict[str, Any]) -> None:
    """Check that there is an instance to find."""
    crowds = sum(bool(annotation.get("iscrowd")) for annotation in truth["annotations"])
    if crowds < len(truth["annotations"]):
        return
    count, names = len(truth["images"]), [category["name"] for category in truth["categories"]]
    if crowds:
        reason = (
            f"all {crowds} annotations of the {count} images are crowds (`iscrowd` 1), such as "
            f"annotation {truth['annotations'][0]['id']!r}; if they are single objects, as masks "
            "are that were drawn with a brush in CVAT, set `iscrowd` to 0"
        )
    else:
        reason = (
            f"the {count} images have no annotation of {', '.join(names[:5])}"
            f"{', ...' if len(names) > 5 else ''}; to predict images without annotations, run "
            "`refinemask predict`"
        )
    raise RefineMaskError(f"there is nothing to measure: {reason}")


def first_images(dataset: EvaluationDataset, limit: int | None) -> list[int | str]:
    """Return the ids of the first images of a dataset; None for all.

    Raises:
        RefineMaskError: the limit is below 1, or the dataset has no image.
    """
    if limit is not None and limit < 1:
        raise RefineMaskError(f"the number of images must be at least 1, got {limit}")
    if not dataset.image_ids:
        raise RefineMaskError("the dataset has no image to evaluate on; check its annotation file")
    return list(dataset.image_ids)[:limit]


def _instance_maps(dataset: EvaluationDataset, count: int) -> list[Path]:
    """Return the maps of the first images; none if one is missing or the dataset has no such."""
    find = getattr(dataset, "instance_map_path", None)
    maps = [] if find is None else [find(index) for index in range(count)]
    return maps if all(path.is_file() for path in maps) else []


def _check_masks_of(
    results: Sequence[Mapping[str, Any]], dataset: EvaluationDataset, category_ids: set[int]
) -> list[dict[str, Any]]:
    """Return results as they must be for Cityscapes' scripts: checked, masks run-length encoded."""
    truth = read_ground_truth(dataset.ground_truth)
    found = read_results(results, truth)
    id_of = {image.number: id_ for id_, image in truth.images.items()}
    return [
        {
            "image_id": id_of[one.image],
            "category_id": category_id,
            "score": one.score,
            "segmentation": one.mask,
        }
        for category_id in sorted(category_ids)
        for one in read_detections(found, truth, truth.categories[category_id], ["mask"])
    ]


def _by_image(
    results: Sequence[Mapping[str, Any]], image_ids: Sequence[int | str]
) -> Iterator[list[Mapping[str, Any]]]:
    positions: dict[int | str, list[int]] = {}
    for position, result in enumerate(results):
        positions.setdefault(result["image_id"], []).append(position)
    for image_id in image_ids:
        yield [results[position] for position in positions.get(image_id, [])]


def _restrict(
    ground_truth: dict[str, Any], image_ids: set[int | str], category_ids: set[int]
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
