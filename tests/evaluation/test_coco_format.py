"""Every form of a valid entry, and one clear error for each malformed one."""

import copy
from typing import Any

import numpy as np
import pytest
from pycocotools import mask as coco_mask

from refinemask.errors import RefineMaskError
from refinemask.evaluation import coco_metrics
from refinemask.inference.rle import encode_rle

MASK = np.zeros((30, 40), bool)
MASK[5:25, 10:30] = True
POLYGON = [[10, 5, 30, 5, 30, 25, 10, 25]]
RLE = encode_rle(MASK)
TRUTH: dict[str, Any] = {
    "images": [{"id": 7, "height": 30, "width": 40}],
    "categories": [{"id": 3, "name": "cat"}],
    "annotations": [
        {"id": 1, "image_id": 7, "category_id": 3, "segmentation": RLE, "bbox": [10, 5, 20, 20]}
    ],
}
RESULT: dict[str, Any] = {
    "image_id": 7,
    "category_id": 3,
    "score": 0.5,
    "bbox": [10.0, 5.0, 20.0, 20.0],
    "segmentation": RLE,
}


@pytest.mark.parametrize(
    "segmentation",
    [
        POLYGON,
        RLE,
        {**RLE, "counts": RLE["counts"].encode()},
        {"size": [30, 40], "counts": [305, *[20, 10] * 19, 20, 305]},
    ],
    ids=["polygons", "text", "bytes", "plain counts"],
)
def test_every_form_of_a_mask(segmentation):
    truth = copy.deepcopy(TRUTH)
    truth["annotations"][0]["segmentation"] = segmentation
    for found in (
        coco_metrics(TRUTH, [{**RESULT, "segmentation": segmentation}]),
        coco_metrics(truth, [RESULT]),
    ):
        assert [metrics["AP"] for metrics in found.values()] == pytest.approx([1, 1, 1])


def test_degenerate_polygons_are_left_out():
    """As in training; COCO's own evaluator does so unless one of them is the first."""
    truth = copy.deepcopy(TRUTH)
    for polygons in ([[], *POLYGON], [*POLYGON, [1, 2]], [[1, 2, 3, 4], *POLYGON]):
        truth["annotations"][0]["segmentation"] = polygons
        for metrics in coco_metrics(truth, [RESULT]).values():
            assert metrics["AP"] == pytest.approx(1)


def test_boxes_alone_and_masks_alone():
    without_mask = {key: value for key, value in RESULT.items() if key != "segmentation"}
    without_box = {key: value for key, value in RESULT.items() if key != "bbox"}
    assert coco_metrics(TRUTH, [without_mask], ["box"])["box"]["AP"] == pytest.approx(1)
    for metrics in coco_metrics(TRUTH, [without_box]).values():
        assert metrics["AP"] == pytest.approx(1)


def test_text_ids():
    truth = copy.deepcopy(TRUTH)
    truth["images"] += [{"id": "a.jpg", "height": 30, "width": 40}]
    truth["annotations"] += [{**truth["annotations"][0], "image_id": "a.jpg"}]
    results = [RESULT, {**RESULT, "image_id": "a.jpg"}]
    assert coco_metrics(truth, results)["mask"]["AP"] == pytest.approx(1)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"image_id": 8}, "result 1 is for image 8, .* another dataset"),
        ({"image_id": "7"}, "result 1 is for image '7', .* another dataset"),
        ({"image_id": [7]}, "image_id must be a number or text"),
        ({"image_id": None}, "image_id must be a number or text"),
        ({"category_id": 4}, "result 1 has the category 4, .* another dataset"),
        ({"score": None}, "score must be a finite number, got None"),
        ({"score": float("nan")}, "score must be a finite number"),
        ({"bbox": [1, 2, 3]}, "bbox must be 4 finite numbers"),
        ({"bbox": [1, 2, 3, "x"]}, "bbox must be 4 finite numbers"),
        ({"bbox": 5}, "bbox must be 4 finite numbers"),
        ({"bbox": [1, 2, -3, 4]}, "bbox is x, y, width, height"),
        ({"segmentation": {**RLE, "size": [40, 30]}}, r"size \[40, 30\] in an image of height 30"),
        ({"segmentation": {"size": [30, 40]}}, "polygons or a run-length encoding"),
        ({"segmentation": {**RLE, "counts": "0"}}, "must add up"),
        ({"segmentation": {**RLE, "counts": "é"}}, "not the counts"),
        ({"segmentation": {**RLE, "counts": [5, 10]}}, "must add up"),
        ({"segmentation": {**RLE, "counts": [-5, 1205]}}, "result 1: "),
        ({"segmentation": []}, "result 1 has no polygon of three points"),
        ({"segmentation": [[1, 2]]}, "result 1 has no polygon of three points"),
        ({"segmentation": None}, "polygons or a run-length encoding"),
        ({"segmentation": [[float("nan"), 1, 2, 2, 3, 3]]}, "result 1 has .* the coordinate nan"),
        ({"segmentation": [[1e9, 1e9, -1e9, 1e9, 0, 0]]}, "within 400 pixels of the image"),
        ({"segmentation": [[[1, 2], [3, 4], [5, 6]]]}, "as pairs"),
        ({"segmentation": {**RLE, "counts": [2**63, -(2**63), 1200]}}, "integers >= 0"),
        ({"segmentation": {**RLE, "counts": [2**64, 1200]}}, "one is larger"),
        ({"segmentation": {**RLE, "counts": "\ud800"}}, "not the counts"),
        ({"segmentation": {**RLE, "counts": "b'e_n0'"}}, r"write `counts\.decode\(\)`"),
        ({"score": 10**400}, "score must be a finite number"),
    ],
)
def test_malformed_result(change, message):
    with pytest.raises(RefineMaskError, match=message):
        coco_metrics(TRUTH, [RESULT, {**RESULT, **change}])


@pytest.mark.parametrize("key", ["image_id", "category_id", "score", "segmentation"])
def test_missing_key(key):
    entry = {name: value for name, value in RESULT.items() if name != key}
    with pytest.raises(RefineMaskError, match=f"result 0 has no {key}"):
        coco_metrics(TRUTH, [entry])


@pytest.mark.parametrize("results", [TRUTH, None, 3])
def test_results_are_a_list(results):
    with pytest.raises(RefineMaskError, match="are a list of detections"):
        coco_metrics(TRUTH, results)


def test_entries_are_objects():
    results: Any = ["detection"]
    with pytest.raises(RefineMaskError, match="result 0 has no image_id"):
        coco_metrics(TRUTH, results)


@pytest.mark.parametrize("key", ["images", "annotations", "categories"])
def test_ground_truth_lacks_a_part(key):
    with pytest.raises(RefineMaskError, match=f"the ground truth has no {key}"):
        coco_metrics({name: value for name, value in TRUTH.items() if name != key}, [])


@pytest.mark.parametrize(
    ("part", "change", "message"),
    [
        ("images", {"height": None}, "image 7 of the ground truth must have positive integers"),
        ("images", {"height": 65536, "width": 65536}, "has 65536 x 65536 pixels, more than"),
        ("annotations", {"image_id": 9}, "annotation 0 of the ground truth is for image 9"),
        ("annotations", {"category_id": 9}, "annotation 0 .* has the category 9"),
        ("annotations", {"area": "big"}, "area must be a finite number"),
        ("annotations", {"segmentation": []}, "annotation 0 .* has no polygon of three points"),
    ],
)
def test_malformed_ground_truth(part, change, message):
    truth = copy.deepcopy(TRUTH)
    truth[part][0].update(change)
    with pytest.raises(RefineMaskError, match=message):
        coco_metrics(truth, [RESULT])


def test_unknown_kind():
    with pytest.raises(RefineMaskError, match=r"unknown kinds of AP \['contour'\]"):
        coco_metrics(TRUTH, [RESULT], ["mask", "contour"])


def test_encoding_is_the_same_as_pycocotools():
    """What `to_coco_results` writes is what COCO's own tools read."""
    np.testing.assert_array_equal(coco_mask.decode(RLE), MASK)
