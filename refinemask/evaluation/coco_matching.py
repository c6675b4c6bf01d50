"""pycocotools' evaluator for the objects of one category, made quick where nothing can match.

pycocotools matches and accumulates; what is added gives the same figures to the last digit.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from refinemask.evaluation.boundary_iou import boundary_edges, edges_iou
from refinemask.evaluation.coco_format import Annotation

CATEGORY = 1
"""The number of the only category."""


@dataclass(frozen=True)
class Curves:
    """What pycocotools accumulates, for C categories; -1 where undefined.

    Attributes:
        precision: float64 (IoU thresholds, recalls, C, ranges of area, numbers of detections).
        recall: float64 (IoU thresholds, C, ranges of area, numbers of detections).
    """

    precision: NDArray[np.float64]
    recall: NDArray[np.float64]


def match_category(
    annotations: Sequence[Annotation], detections: Sequence[Annotation], kind: str
) -> Curves:
    """Match the detections of one category to its annotations and accumulate.

    Images without either change nothing and are left out.

    Args:
        annotations: with masks, unless `kind` is "box".
        detections: the same.
        kind: "box", "mask" or "boundary".

    Returns:
        The precision and recall of the category.
    """
    evaluator = (BoundaryEvaluator if kind == "boundary" else CategoryEvaluator)(
        iouType="bbox" if kind == "box" else "segm"
    )
    evaluator.cocoGt, evaluator.cocoDt = (_index(some, kind) for some in (annotations, detections))
    evaluator.params.imgIds = sorted({item.image for item in (*annotations, *detections)})
    evaluator.params.catIds = [CATEGORY]
    evaluator.evaluate()
    evaluator.accumulate()
    return Curves(evaluator.eval["precision"], evaluator.eval["recall"])


def summarise(categories: Sequence[Curves]) -> NDArray[np.float64]:
    """Return pycocotools' twelve figures of several categories together; -1 where undefined."""
    summary = COCOeval(iouType="segm")  # The kind only shows in what it prints.
    sizes = (len(summary.params.areaRng), len(summary.params.maxDets))
    thresholds, recalls = len(summary.params.iouThrs), len(summary.params.recThrs)
    summary.eval = {
        "precision": np.concatenate(
            [np.zeros((thresholds, recalls, 0, *sizes)), *(one.precision for one in categories)], 2
        ),
        "recall": np.concatenate(
            [np.zeros((thresholds, 0, *sizes)), *(one.recall for one in categories)], 1
        ),
    }
    summary.summarize()
    return summary.stats


def compared_area(annotation: Annotation, kind: str) -> float:
    """Return the area by which an object is small, medium or large."""
    if annotation.area is not None:
        return annotation.area
    if kind != "box":
        return float(annotation.pixels)
    assert annotation.box is not None
    return annotation.box[2] * annotation.box[3]


@dataclass(frozen=True)
class _Pair:
    """The objects of one image and class, whatever their size.

    Attributes:
        scores: of D detections, descending.
        areas: float64 (D,).
        wanted_areas: float64 (G,), of the annotations.
        crowd: bool (G,).
        ids: of the detections that overlap an annotation enough to match, as places among D.
    """

    scores: list[float]
    areas: NDArray[np.float64]
    wanted_areas: NDArray[np.float64]
    crowd: NDArray[np.bool_]
    ids: NDArray[np.int64]


class CategoryEvaluator(COCOeval):
    """COCO's protocol, matching only where an overlap reaches the lowest threshold."""

    def evaluate(self) -> None:
        """Match all images, as pycocotools does."""
        self._pairs: dict[tuple[int, int], _Pair] = {}
        super().evaluate()

    def evaluateImg(
        self, imgId: int, catId: int, aRng: Sequence[float], maxDet: int
    ) -> dict[str, Any] | None:
        """Match the detections of one image for one range of areas; None where there is nothing.

        What cannot match is left out while pycocotools matches. Of the rest only the size matters:
        whether the range of areas leaves it out.
        """
        key = imgId, catId
        if key not in self._pairs:
            self._pairs[key] = self._reduce(key, maxDet)
        pair = self._pairs[key]
        if not pair.scores and not len(pair.crowd):
            return None
        thresholds, (low, high) = len(self.params.iouThrs), aRng
        outside = (pair.areas < low) | (pair.areas > high)
        matches = np.zeros((thresholds, len(pair.scores)))
        ignored = np.zeros((thresholds, len(pair.scores)), bool) | outside
        if len(pair.ids):
            found = super().evaluateImg(imgId, catId, aRng, maxDet)
            matches[:, pair.ids] = found["dtMatches"]
            ignored[:, pair.ids] = found["dtIgnore"]
        return {
            "dtScores": pair.scores,
            "dtMatches": matches,
            "dtIgnore": ignored,
            "gtIgnore": pair.crowd | (pair.wanted_areas < low) | (pair.wanted_areas > high),
        }

    def _reduce(self, key: tuple[int, int], most: int) -> _Pair:
        """Describe what there is in an image, and leave in it only what can match."""
        annotations, ious = self._gts[key], self.ious[key]
        detections = sorted(self._dts[key], key=lambda item: -item["score"])[:most]
        rows = np.zeros(0, np.int64)
        if len(ious):
            close = ious >= self.params.iouThrs[0]
            rows, columns = np.flatnonzero(close.any(1)), np.flatnonzero(close.any(0))
            self._dts[key] = [detections[row] for row in rows]
            self._gts[key] = [annotations[column] for column in columns]
            self.ious[key] = ious[np.ix_(rows, columns)]
        return _Pair(
            [item["score"] for item in detections],
            np.array([item["area"] for item in detections], np.float64),
            np.array([item["area"] for item in annotations], np.float64),
            np.array([item["ignore"] for item in annotations], bool),
            rows,
        )


class BoundaryEvaluator(CategoryEvaluator):
    """COCO's protocol by the minimum of mask IoU and boundary IoU."""

    def computeIoU(self, imgId: int, catId: int) -> NDArray[np.float64]:
        """Return float64 (detections by descending score, annotations) of one image and class.

        A minimum below the lowest threshold can match nothing, so boundaries are computed only for
        pairs whose mask IoU reaches it. Crowds keep the mask overlap, as in the paper's code.
        """
        ious = super().computeIoU(imgId, catId)
        if len(ious) == 0:
            return ious
        annotations, detections = self._gts[imgId, catId], self._dts[imgId, catId]
        order = np.argsort([-item["score"] for item in detections], kind="mergesort")
        crowd = np.array([annotation["iscrowd"] for annotation in annotations], bool)
        close = (ious >= self.params.iouThrs.min()) & ~crowd
        found = {
            row: boundary_edges(detections[order[row]]["segmentation"])
            for row in np.flatnonzero(close.any(axis=1))
        }
        wanted = {
            column: boundary_edges(annotations[column]["segmentation"])
            for column in np.flatnonzero(close.any(axis=0))
        }
        for row, column in np.argwhere(close):
            boundary_iou = edges_iou(found[row], wanted[column])
            ious[row, column] = min(ious[row, column], boundary_iou)
        return ious


def _index(annotations: Sequence[Annotation], kind: str) -> COCO:
    """Index annotations for pycocotools, which takes the id 0 for "not matched"."""
    # pycocotools looks the sizes up but needs them for polygons only.
    images = {annotation.image: {"height": 0, "width": 0} for annotation in annotations}
    coco = COCO()
    coco.dataset = {
        "images": [{"id": image, **size} for image, size in images.items()],
        "categories": [{"id": CATEGORY}],
        "annotations": [
            {
                "id": number,
                "image_id": annotation.image,
                "category_id": CATEGORY,
                "bbox": annotation.box and list(annotation.box),
                "segmentation": annotation.mask,
                "area": compared_area(annotation, kind),
                "iscrowd": int(annotation.crowd),
                "score": annotation.score,
            }
            for number, annotation in enumerate(annotations, 1)
        ],
    }
    coco.createIndex()
    return coco
