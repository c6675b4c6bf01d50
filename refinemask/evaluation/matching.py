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

from refinemask.evaluation.boundary import boundary_edges, edges_iou
from refinemask.evaluation.inputs import Annotation

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
    if kind == "box" or annotation.mask is None:
        return annotation.box[2] * annotation.box[3]
    return float(annotation.pixels)


class CategoryEvaluator(COCOeval):
    """COCO's protocol, without its loops over pairs that cannot match."""

    def evaluateImg(
        self, imgId: int, catId: int, aRng: Sequence[float], maxDet: int
    ) -> dict[str, Any] | None:
        """Match the detections of one image for one range of areas; None where there is nothing.

        Where every overlap is below the lowest threshold, no detection is matched: what is left is
        to tell which objects the range of areas leaves out.
        """
        ious = self.ious[imgId, catId]
        if len(ious) and ious.max() >= self.params.iouThrs[0]:
            return super().evaluateImg(imgId, catId, aRng, maxDet)
        annotations, detections = self._gts[imgId, catId], self._dts[imgId, catId]
        if not annotations and not detections:
            return None
        detections = sorted(detections, key=lambda item: -item["score"])[:maxDet]
        thresholds = len(self.params.iouThrs)
        low, high = aRng
        outside = np.array([not low <= item["area"] <= high for item in detections], bool)
        left_out = [item["ignore"] or not low <= item["area"] <= high for item in annotations]
        return {
            "dtScores": [item["score"] for item in detections],
            "dtMatches": np.zeros((thresholds, len(detections))),
            "dtIgnore": np.broadcast_to(outside, (thresholds, len(detections))),
            "gtIgnore": np.array(left_out, np.int64),
        }


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
                "bbox": list(annotation.box),
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
