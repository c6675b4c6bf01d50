"""How fast boundary AP is, against the loop over instances that defines it.

`python -m refinemask.benchmarks.evaluation.boundary --dataset instances_val2017.json` prints the
ratio. Both sides take the same annotations and results in COCO's form, match and accumulate by
pycocotools, and must give the same figures to the last digit. The loop decodes every mask on the
whole image, erodes it there with OpenCV, encodes what the erosion took away, and intersects
encodings.
"""

import argparse
import contextlib
import copy
import io
import json
import os
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from refinemask.benchmarks.evaluation.perturbed_annotations import perturbed_truth
from refinemask.data.coco_json import read_coco_json
from refinemask.environment import measurement_setup
from refinemask.evaluation import coco_metrics
from refinemask.evaluation.boundary_iou import boundary_distance
from refinemask.evaluation.metric_names import METRICS

Measurement = dict[str, list[float]]


def compare(
    truth: dict[str, Any], results: list[dict[str, Any]], repeats: int
) -> dict[str, Measurement]:
    """Time both sides in turn on the same input.

    Returns:
        For "loop" and "refinemask" the `wall` and `processor` seconds of each repeat.

    Raises:
        AssertionError: their figures differ.
    """
    sides: dict[str, Callable[[], dict[str, float]]] = {
        "loop": lambda: loop_metrics(truth, results),
        "refinemask": lambda: coco_metrics(truth, results, ["boundary"])["boundary"],
    }
    times: dict[str, Measurement] = {name: {"wall": [], "processor": []} for name in sides}
    for _ in range(repeats):
        figures = []
        for name, side in sides.items():
            wall, processor = time.perf_counter(), time.process_time()
            figures.append(side())
            times[name]["wall"].append(time.perf_counter() - wall)
            times[name]["processor"].append(time.process_time() - processor)
        assert figures[0] == figures[1], figures
    return times


def loop_metrics(
    truth: Mapping[str, Any], results: Sequence[Mapping[str, Any]]
) -> dict[str, float]:
    """Measure boundary AP as its definition is usually programmed.

    Args:
        truth: a COCO dataset.
        results: COCO results with encoded masks.

    Returns:
        The `METRICS`.
    """
    # With a box, pycocotools would sort detections into sizes by its area.
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


def _main() -> None:
    parser = argparse.ArgumentParser(prog="python -m refinemask.benchmarks.evaluation.boundary")
    parser.add_argument("--dataset", type=Path, required=True, help="annotations in COCO's format")
    parser.add_argument("--results", type=Path, help="COCO results with masks; made up by default")
    parser.add_argument("--limit", type=int, help="only the first so many images")
    parser.add_argument("--repeats", type=int, default=5, help="measurements of each side")
    arguments = parser.parse_args()
    truth = _first(read_coco_json(arguments.dataset), arguments.limit)
    if arguments.results is None:
        results = perturbed_truth(truth)
        made = "annotations moved, grown and shrunk, 30 % under another class"
    else:
        results = json.loads(arguments.results.read_text(encoding="utf-8"))
        made = str(arguments.results)
    cv2.setNumThreads(1)
    print = parser._print_message
    setup = measurement_setup("python -m refinemask.benchmarks.evaluation.boundary")
    print(json.dumps(setup, indent=2) + "\n")
    print(
        f"{len(truth['images'])} images, {len(truth['annotations'])} annotations; "
        f"{len(results)} detections ({made}); one thread; load {os.getloadavg()[0]:.1f}\n"
    )
    times = compare(truth, results, arguments.repeats)
    for clock in ("processor", "wall"):
        loop, ours = (float(np.median(times[name][clock])) for name in ("loop", "refinemask"))
        print(
            f"{clock} time, medians of {arguments.repeats} in turn: loop {loop:.2f} s, "
            f"refinemask {ours:.2f} s, ratio {loop / ours:.2f}\n"
        )


def _first(truth: dict[str, Any], limit: int | None) -> dict[str, Any]:
    images = truth["images"][:limit]
    kept = {image["id"] for image in images}
    annotations = [one for one in truth["annotations"] if one["image_id"] in kept]
    return truth | {"images": images, "annotations": annotations}


if __name__ == "__main__":
    _main()
