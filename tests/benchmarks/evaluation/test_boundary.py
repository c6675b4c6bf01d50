"""The benchmark of boundary AP: both sides measure the same."""

import json

import numpy as np
import pytest
from typer.testing import CliRunner

from refinemask.benchmarks.evaluation import instance_loop
from refinemask.benchmarks.evaluation.boundary import boundary, compare
from refinemask.benchmarks.evaluation.instance_loop import loop_metrics
from refinemask.benchmarks.evaluation.perturbed_annotations import PER_IMAGE, perturbed_truth
from refinemask.commands import new_program
from refinemask.data.coco_json import read_coco_json
from refinemask.errors import RefineMaskError
from refinemask.inference.rle import encode_rle

SQUARE = np.zeros((60, 80), bool)
SQUARE[5:45, 5:45] = True
MOVED = np.roll(SQUARE, 1, 1)
TRUTH = {
    "images": [
        {"id": image, "file_name": f"{image}.jpg", "height": 60, "width": 80} for image in (1, 2)
    ],
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


def test_both_are_timed_on_perturbed_annotations():
    results = perturbed_truth(TRUTH)
    assert len(results) == PER_IMAGE
    assert {result["image_id"] for result in results} == {1}
    assert {result["category_id"] for result in results} == {3, 4}
    assert perturbed_truth(TRUTH) == results
    times = compare(TRUTH, results, repeats=2)
    assert {len(times[name][clock]) for name in times for clock in ("wall", "cpu")} == {2}


@pytest.mark.slow
def test_boundary_ap_is_five_times_as_fast(shared):
    path = shared / "data" / "coco_mini" / "annotations" / "instances_val2017.json"
    truth = read_coco_json(path)
    times = compare(truth, perturbed_truth(truth), repeats=1)
    loop, ours = (times[name]["cpu"][0] for name in ("loop", "refinemask"))
    assert loop / ours > 5


def test_figures_that_differ_are_an_error(monkeypatch):
    result = {"image_id": 1, "category_id": 3, "score": 0.5, "segmentation": encode_rle(MOVED)}
    monkeypatch.setattr(instance_loop, "boundary_distance", lambda height, width: 1)
    with pytest.raises(RefineMaskError, match="differ from ours"):
        compare(TRUTH, [result], repeats=1)


def test_the_command_prints_setup_and_ratios(tmp_path):
    path = tmp_path / "truth.json"
    path.write_text(json.dumps(TRUTH))
    done = CliRunner().invoke(
        new_program(boundary=boundary), ["--dataset", str(path), "--repeats", "1", "--limit", "1"]
    )
    assert done.exit_code == 0, done.output
    setup, end = json.JSONDecoder().raw_decode(done.stdout)
    assert setup["command"].startswith("python -m refinemask.benchmarks.evaluation.boundary")
    lines = done.stdout[end:].split("\n")
    assert lines[1].startswith("1 images, 1 annotations, 100 detections (perturbed annotations)")
    assert [line.partition(",")[0] for line in lines[2:4]] == ["CPU time", "wall time"]
