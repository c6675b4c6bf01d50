"""Boundary AP as its definition is usually programmed: a loop over instances.

Every mask is decoded and eroded with OpenCV on its whole image, what the erosion took away is
encoded, and encodings are intersected. Matching and accumulation are those of pycocotools.
"""

import contextlib
import copy
import io
from collections.abc import Mapping, Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from refinemask.evaluation.boundary_iou import boundary_distance
from refinemask.evaluation.metric_names import METRICS


def loop_metrics(
    truth: Mapping[str, Any], results: Sequence[Mapping[str, Any]]
) -> dict[str, float]:
    """Measure boundary AP with the loop.

    Args:
        truth: a COCO dataset.
        results: COCO results with encoded masks.

    Returns:
        The `METRICS`.
    """
    # If a result has a box, pycocotools uses the area of the box to sort detections by size.
    plain = [{key: one[key] for key in one if key != "bbox"} for one in results]
    with contextlib.redirect_stdout(io.StringIO()):
        index = COCO()
        index.dataset = copy.deepcopy(dict(truth))
        index.createIndex()
        evaluator = InstanceLoop(index, index.loadRes(plain), "segm")
        evaluator.evaluate()
        evaluator.accumulate()
        evaluator.summarize()
    values = np.delete(evaluator.stats, [6, 7])[: len(METRICS)]
    return dict(zip(METRICS, values.tolist(), strict=True))


class InstanceLoop(COCOeval):
    """COCO's evaluator with the minimum of mask IoU and boundary IoU for every pair."""

    def _prepare(self) -> None:
        super()._prepare()
        for group in (*self._gts.values(), *self._dts.values()):
            for item in group:
                item["boundary"] = whole_image_boundary(item["segmentation"])

    def computeIoU(self, imgId: int, catId: int) -> NDArray[np.float64]:
        """Return float64 (detections by descending score, annotations) of one image and class."""
        ious = super().computeIoU(imgId, catId)
        if len(ious) == 0:
            return ious
        annotations, detections = self._gts[imgId, catId], self._dts[imgId, catId]
        order = np.argsort([-item["score"] for item in detections], kind="mergesort")
        best = [detections[place]["boundary"] for place in order[: self.params.maxDets[-1]]]
        crowd = [int(item["iscrowd"]) for item in annotations]
        boundary = coco_mask.iou(best, [item["boundary"] for item in annotations], crowd)
        return np.where(np.array(crowd, bool), ious, np.minimum(ious, boundary))


def whole_image_boundary(rle: dict[str, Any]) -> dict[str, Any]:
    """Decode a mask, erode it on the whole image, encode the difference."""
    mask = coco_mask.decode(rle)
    padded = cv2.copyMakeBorder(mask, 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0)
    square = np.ones((3, 3), np.uint8)
    inner = cv2.erode(padded, square, iterations=boundary_distance(*mask.shape))[1:-1, 1:-1]
    return coco_mask.encode(np.asfortranarray(mask - inner))
