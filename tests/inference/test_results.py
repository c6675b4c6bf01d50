"""Detections as COCO results."""

import dataclasses
import json
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

from refinemask.errors import RefineMaskError
from refinemask.inference.pasting import paste_mask
from refinemask.inference.results import to_coco_results
from refinemask.inference.rle import decode_rle, encode_rle
from refinemask.inference.structures import Detections


def detections(masks="rle"):
    bitmaps = np.zeros((2, 6, 8), bool)
    bitmaps[0, 1:4, 2:5] = True
    bitmaps[1, 0:6, 7] = True
    forms: dict[str, Any] = {
        "bitmap": bitmaps,
        "rle": [encode_rle(mask) for mask in bitmaps],
    }
    return Detections(
        boxes=np.array([[2.00049, 1.1, 5.2, 4], [7, 0, 8, 6]], np.float32),
        scores=np.array([0.87654321, 1e-6], np.float32),
        labels=np.array([1, 0]),
        masks=forms[masks],
        image_size=(6, 8),
    )


def test_entries():
    first, second = to_coco_results(detections(), 42, (3, 17))
    assert first == {
        "image_id": 42,
        "category_id": 17,
        "bbox": [2.0, 1.1, 3.2, 2.9],
        "score": 0.876543,
        "segmentation": detections().masks[0],
    }
    assert (second["category_id"], second["bbox"], second["score"]) == (3, [7, 0, 1, 6], 1e-6)


def test_json_round_trip():
    read = json.loads(json.dumps(to_coco_results(detections(), "photo.jpg", (3, 17))))
    assert [entry["image_id"] for entry in read] == ["photo.jpg"] * 2
    for entry, mask in zip(read, detections("bitmap").masks, strict=True):
        np.testing.assert_array_equal(decode_rle(entry["segmentation"]), mask)


def test_bitmaps_give_the_same_results():
    found = to_coco_results(detections("bitmap"), 1, (3, 17))
    assert found == to_coco_results(detections(), 1, (3, 17))


def test_labels_without_a_category_are_left_out():
    (entry,) = to_coco_results(detections(), 1, (None, 17))
    assert entry["category_id"] == 17


@pytest.mark.parametrize(
    "masks", [[], np.zeros((0, 6, 8), bool), np.zeros((0, 28, 28), np.float32)]
)
def test_no_detections(masks):
    none = Detections(
        np.zeros((0, 4), np.float32), np.zeros(0, np.float32), np.zeros(0, np.int64), masks, (6, 8)
    )
    assert to_coco_results(none, 1, (3,)) == []


def test_probabilities_are_pasted():
    found = dataclasses.replace(detections(), masks=np.full((2, 4, 4), 0.75, np.float32))
    for entry, mask, box in zip(
        to_coco_results(found, 1, (3, 17)), found.masks, found.boxes, strict=True
    ):
        expected = paste_mask(mask, box, 6, 8)
        assert expected.any()
        np.testing.assert_array_equal(decode_rle(entry["segmentation"]), expected)


def test_label_beyond_the_categories():
    with pytest.raises(RefineMaskError, match="label 1 has no category id among 1"):
        to_coco_results(detections(), 1, (3,))


def test_import_without_torch_and_pycocotools():
    code = (
        "import sys; sys.modules.update(torch=None, pycocotools=None)\n"
        "from refinemask.inference.results import to_coco_results"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_names_of_classes():
    named = to_coco_results(detections(), "photo.jpg", (3, 17), ("cat", "dog"))
    plain = to_coco_results(detections(), "photo.jpg", (3, 17))
    assert [entry.pop("category_name") for entry in named] == [
        {3: "cat", 17: "dog"}[entry["category_id"]] for entry in plain
    ]
    assert named == plain
    assert to_coco_results(detections(), "photo.jpg", (3, 17), ("class 0", "class 1")) == plain
