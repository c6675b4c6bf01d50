"""Box, mask and boundary AP by COCO's protocol.

pycocotools matches and accumulates. Boundary AP only replaces the IoU it matches by: the minimum of
mask IoU and boundary IoU (Cheng et al., "Boundary IoU", CVPR 2021, Sec. 5).
"""

import io
from collections.abc import Mapping, Sequence
from contextlib import redirect_stdout
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from refinemask.errors import RefineMaskError
from refinemask.evaluation.boundary import boundary_edges, edges_iou
from refinemask.evaluation.inputs import Annotation, GroundTruth, read_ground_truth, read_results
from refinemask.evaluation.kinds import KINDS, METRICS


def coco_metrics(
    ground_truth: Mapping[str, Any],
    results: Sequence[Mapping[str, Any]],
    kinds: Sequence[str] = KINDS,
) -> dict[str, dict[str, float]]:
    """Measure results against ground truth.

    Detections are sorted into small, medium and large by the area of what is compared: of their box
    for "box", of their mask otherwise, as detectors report COCO figures.

    Args:
        ground_truth: a COCO dataset (images, annotations, categories). Crowds are ignored: a
            detection inside one is neither right nor wrong.
        results: COCO results: image_id, category_id, score and bbox (x, y, width, height) or
            segmentation (polygons or run-length encoding). Neither argument is modified.
        kinds: which of "box", "mask" and "boundary" to measure.

    Returns:
        For each kind the `METRICS`: fractions 0 to 1, -1 where undefined.

    Raises:
        RefineMaskError: an unknown kind, a malformed entry, or results of another dataset.
    """
    unknown = sorted(set(kinds) - set(KINDS))
    if unknown:
        raise RefineMaskError(f"unknown kinds of AP {unknown}; choose among {', '.join(KINDS)}")
    need_masks = any(kind != "box" for kind in kinds)
    truth = read_ground_truth(ground_truth, need_masks)
    detections = read_results(results, truth, need_masks)
    with redirect_stdout(io.StringIO()):
        return {kind: _measure(truth, detections, kind) for kind in kinds}


def _measure(truth: GroundTruth, detections: Sequence[Annotation], kind: str) -> dict[str, float]:
    evaluator = (_BoundaryEvaluator if kind == "boundary" else COCOeval)(
        _coco(truth, truth.annotations, kind),
        _coco(truth, detections, kind),
        "bbox" if kind == "box" else "segm",
    )
    evaluator.evaluate()
    evaluator.accumulate()
    evaluator.summarize()
    # The recalls with 1 and with 10 detections an image stand between AP and AR100.
    values = np.delete(evaluator.stats, [6, 7])[: len(METRICS)]
    return dict(zip(METRICS, values.tolist(), strict=True))


def _coco(truth: GroundTruth, annotations: Sequence[Annotation], kind: str) -> COCO:
    """Index annotations for pycocotools, which takes the id 0 for "not matched"."""
    coco = COCO()
    coco.dataset = {
        "images": [
            {"id": image.number, "height": image.height, "width": image.width}
            for image in truth.images.values()
        ],
        "categories": [{"id": number} for number in truth.categories.values()],
        "annotations": [
            {
                "id": number,
                "image_id": annotation.image,
                "category_id": annotation.category,
                "bbox": list(annotation.box),
                "segmentation": annotation.mask,
                "area": _area(annotation, kind),
                "iscrowd": int(annotation.crowd),
                "score": annotation.score,
            }
            for number, annotation in enumerate(annotations, 1)
        ],
    }
    coco.createIndex()
    return coco


def _area(annotation: Annotation, kind: str) -> float:
    if annotation.area is not None:
        return annotation.area
    if kind == "box" or annotation.mask is None:
        return annotation.box[2] * annotation.box[3]
    return float(coco_mask.area(annotation.mask))


class _BoundaryEvaluator(COCOeval):
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
