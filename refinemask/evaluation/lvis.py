"""Box and mask AP by the protocol of LVIS (Gupta et al., "LVIS", CVPR 2019), by its own package.

Each class is measured on the images that are annotated for it: those with an instance of it and
those that list it as absent. Where an image lists a class as not exhaustively annotated, unmatched
detections of it are ignored. 300 detections an image count.

The package compares every class with every image, which takes tens of gigabytes on LVIS v1. It is
therefore given one class after the other, with the images that have it; the figures are the same.
"""

import logging
from array import array
from collections.abc import Mapping, Sequence
from types import ModuleType
from typing import Any

import numpy as np

from refinemask.data.lvis import LISTS, lists_problem
from refinemask.errors import RefineMaskError
from refinemask.evaluation.coco_format import (
    Annotation,
    Entries,
    GroundTruth,
    read_annotations,
    read_detections,
    read_ground_truth,
    read_results,
    read_score,
)
from refinemask.evaluation.coco_matching import Curves, compared_area
from refinemask.evaluation.metric_names import LVIS_KINDS, LVIS_METRICS
from refinemask.evaluation.third_party import import_evaluator, old_numpy

MAX_DETECTIONS = 300
"""Detections that count in an image, those with the highest scores."""


def lvis_metrics(
    ground_truth: Mapping[str, Any],
    results: Sequence[Mapping[str, Any]],
    kinds: Sequence[str] = LVIS_KINDS,
) -> dict[str, dict[str, float]]:
    """Measure results against ground truth of LVIS, v0.5 or v1.

    Detections are sorted into small, medium and large as in `coco_metrics`.

    Args:
        ground_truth: an LVIS dataset: as COCO's, with `neg_category_ids` and
            `not_exhaustive_category_ids` of images and `frequency` (r, c or f) of categories.
        results: as for `coco_metrics`. Neither argument is modified.
        kinds: which of "box" and "mask" to measure.

    Returns:
        For each kind the `LVIS_METRICS`: fractions 0 to 1, -1 where undefined.

    Raises:
        RefineMaskError: a malformed entry, no LVIS ground truth, results of another dataset, or the
            package is not installed.
    """
    package = import_evaluator("lvis.eval", "lvis==0.5.3")
    _check(ground_truth)
    truth = read_ground_truth(ground_truth)
    found = _best(read_results(results, truth), truth)
    lists = _lists(ground_truth, truth)
    curves: dict[str, list[Curves]] = {kind: [] for kind in kinds}
    for category in truth.categories.values():
        annotations = read_annotations(truth, category, kinds)
        detections = read_detections(found, truth, category, kinds)
        for kind in kinds:
            curves[kind].append(_match(package, annotations, detections, category, lists, kind))
    frequency = {entry["id"]: entry["frequency"] for entry in ground_truth["categories"]}
    frequencies = [frequency[id_] for id_ in truth.categories]
    return {kind: _summarise(package, curves[kind], frequencies) for kind in kinds}


def _check(ground_truth: Mapping[str, Any]) -> None:
    again = "give an annotation file of LVIS, or evaluate with --protocol coco"
    for image in ground_truth.get("images", []):
        problem = lists_problem(image)
        if problem:
            raise RefineMaskError(f"LVIS AP: image {image.get('id')!r} {problem}; {again}")
    for category in ground_truth.get("categories", []):
        if category.get("frequency") not in ("r", "c", "f"):
            raise RefineMaskError(
                f"LVIS AP needs the frequency r, c or f of category {category.get('name')!r}, "
                f"got {category.get('frequency')!r}; {again}"
            )


def _best(results: Entries, truth: GroundTruth) -> Entries:
    """Keep the `MAX_DETECTIONS` best results of each image, of equal scores the first."""
    by_image: dict[Any, list[int]] = {}
    for positions in results.positions.values():
        for position in positions:
            by_image.setdefault(results.given[position]["image_id"], []).append(position)
    dropped: set[int] = set()
    for positions in by_image.values():
        if len(positions) > MAX_DETECTIONS:
            ordered = sorted(sorted(positions), key=lambda position: -read_score(results, position))
            dropped.update(ordered[MAX_DETECTIONS:])
    kept = {
        category: array("q", (position for position in positions if position not in dropped))
        for category, positions in results.positions.items()
    }
    return Entries(results.given, kept, results.name)


def _lists(ground_truth: Mapping[str, Any], truth: GroundTruth) -> dict[int, list[set[int]]]:
    """Return the category numbers of the `LISTS` of each image number."""
    return {
        truth.images[image["id"]].number: [
            {truth.categories[id_] for id_ in image[key] if id_ in truth.categories}
            for key in LISTS
        ]
        for image in ground_truth["images"]
    }


def _match(
    package: ModuleType,
    annotations: Sequence[Annotation],
    detections: Sequence[Annotation],
    category: int,
    lists: dict[int, list[set[int]]],
    kind: str,
) -> Curves:
    images = [
        {
            "id": image,
            **{
                key: [category] if category in listed else []
                for key, listed in zip(LISTS, lists[image], strict=True)
            },
        }
        for image in sorted({item.image for item in (*annotations, *detections)})
    ]
    if not images:
        params = package.Params(kind)
        size = (len(params.iou_thrs), len(params.rec_thrs), 1, len(params.area_rng))
        return Curves(np.full(size, -1.0), np.full((size[0], 1, size[3]), -1.0))
    # The frequency matters when classes are put together, not here.
    categories = [{"id": category, "frequency": "f"}]
    truth, found = (
        _index(make, images, categories, [_entry(*one, category, kind) for one in enumerate(some)])
        for make, some in ((package.LVIS, annotations), (package.LVISResults, detections))
    )
    evaluator = package.LVISEval(truth, found, "bbox" if kind == "box" else "segm")
    evaluator.evaluate()
    with old_numpy(package, {"float": float}):
        evaluator.accumulate()
    return Curves(evaluator.eval["precision"], evaluator.eval["recall"])


def _entry(number: int, item: Annotation, category: int, kind: str) -> dict[str, Any]:
    return {
        "id": number + 1,  # the package takes the id 0 for "not matched"
        "image_id": item.image,
        "category_id": category,
        "bbox": item.box and list(item.box),
        "segmentation": item.mask,
        "area": compared_area(item, kind),
        "score": item.score,
    }


def _index(
    make: type[Any],
    images: list[dict[str, Any]],
    categories: list[dict[str, Any]],
    annotations: list[dict[str, Any]],
) -> Any:
    """Make the package's index, which its constructors make of files, and not of no results."""
    index: Any = object.__new__(make)
    index.logger = logging.getLogger("lvis")
    index.dataset = {"images": images, "categories": categories, "annotations": annotations}
    index._create_index()
    # Masks are encodings already; the package would look their sizes up before it sees that.
    index.ann_to_rle = lambda annotation: annotation["segmentation"]
    return index


def _summarise(
    package: ModuleType, classes: Sequence[Curves], frequencies: Sequence[str]
) -> dict[str, float]:
    if not classes:
        return dict.fromkeys(LVIS_METRICS, -1.0)
    categories = [
        {"id": number, "frequency": frequency} for number, frequency in enumerate(frequencies)
    ]
    indices = [_index(make, [], categories, []) for make in (package.LVIS, package.LVISResults)]
    evaluator = package.LVISEval(*indices, "segm")
    evaluator.freq_groups = evaluator._prepare_freq_group()
    evaluator.eval = {
        "precision": np.concatenate([one.precision for one in classes], axis=2),
        "recall": np.concatenate([one.recall for one in classes], axis=1),
    }
    evaluator.summarize()
    return {metric: float(evaluator.results[metric]) for metric in LVIS_METRICS}
