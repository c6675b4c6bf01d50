"""Box, mask and boundary AP by COCO's protocol.

pycocotools matches and accumulates. Boundary AP only replaces the IoU it matches by: the minimum of
mask IoU and boundary IoU (Cheng et al., "Boundary IoU", CVPR 2021, Sec. 5).
"""

import io
from collections.abc import Mapping, Sequence
from contextlib import redirect_stdout
from typing import Any

import numpy as np

from refinemask.errors import RefineMaskError
from refinemask.evaluation.coco_format import (
    read_annotations,
    read_detections,
    read_ground_truth,
    read_results,
)
from refinemask.evaluation.coco_matching import Curves, match_category, summarise
from refinemask.evaluation.metric_names import KINDS, METRICS


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
    truth = read_ground_truth(ground_truth)
    found = read_results(results, truth)
    curves: dict[str, list[Curves]] = {kind: [] for kind in kinds}
    with redirect_stdout(io.StringIO()):  # pycocotools prints
        for category in truth.categories.values():
            annotations = read_annotations(truth, category, kinds)
            detections = read_detections(found, truth, category, kinds)
            for kind in kinds:
                curves[kind].append(match_category(annotations, detections, kind))
        # The recalls with 1 and with 10 detections an image stand between AP and AR100.
        values = {kind: np.delete(summarise(curves[kind]), [6, 7]).tolist() for kind in kinds}
    return {kind: dict(zip(METRICS, values[kind], strict=False)) for kind in kinds}
