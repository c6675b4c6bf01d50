"""The benchmark of boundary AP: both sides measure the same."""

import json
import subprocess
import sys

import numpy as np
import pytest

from refinemask.benchmarks.evaluation.boundary import compare, loop_metrics
from refinemask.benchmarks.evaluation.perturbed_annotations import PER_IMAGE, perturbed_truth
from refinemask.data.coco_json import read_coco_json
from refinemask.inference.rle import encode_rle

SQUARE = np.zeros((60, 80), bool)
SQUARE[5:45, 5:45] = True
MOVED = np.roll(SQUARE, 1, 1)
TRUTH = {
    "images": [{"id": image, "height": 60, "width": 80} for image in (1, 2)],
    "categories": [{"id": 3, "name": "cat"}, {"id": 4, "name": "dog"}],
    "annotations": [
        {
            "id": 1,
            "image_id": 1,
            "category_id": 3,
            "segmentation": encode_rle(SQUARE),
            "bbox": [5, 5, 40, 40],
            "area": 1600,
            "iscrowd": 0,
        }
    ],
}


def test_the_loop_by_hand():
    """Rings of width 2 one column apart: IoU 228 / 380 = 0.6, as in the tests of the metrics."""
    result = {"image_id": 1, "category_id": 3, "score": 0.5, "segmentation": encode_rle(MOVED)}
    assert loop_metrics(TRUTH, [result])["AP"] == pytest.approx(0.3)


def test_both_sides_are_timed_on_made_up_detections():
    results = perturbed_truth(TRUTH)
    assert len(results) == PER_IMAGE
    assert {result["image_id"] for result in results} == {1}
    assert {result["category_id"] for result in results} == {3, 4}
    assert perturbed_truth(TRUTH) == results
    times = compare(TRUTH, results, repeats=2)
    assert {len(times[name][clock]) for name in times for clock in ("wall", "processor")} == {2}


@pytest.mark.slow
def test_boundary_ap_is_five_times_as_fast(shared):
    path = shared / "data" / "coco_mini" / "annotations" / "instances_val2017.json"
    truth = read_coco_json(path)
    times = compare(truth, perturbed_truth(truth), repeats=1)
    loop, ours = (times[name]["processor"][0] for name in ("loop", "refinemask"))
    assert loop / ours > 5


@pytest.mark.slow
def test_memory_of_an_evaluation(tmp_path):
    """Without encodings, the masks of these 2,000 images would take 37 GiB."""
    command = [sys.executable, "-m", "refinemask.benchmarks.evaluation.memory", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)
    assert found["images"] == 2000
    assert found["measured_bytes"] - found["before_bytes"] < 700 * 2**20
