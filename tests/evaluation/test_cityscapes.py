"""Cityscapes AP on maps drawn here, with figures by hand."""

import os
from typing import Any

import cv2
import numpy as np
import pytest

from refinemask.errors import RefineMaskError
from refinemask.evaluation import cityscapes_metrics
from refinemask.inference.rle import encode_rle

pytest.importorskip("cityscapesscripts", reason="the package cityscapesScripts is not installed")

SIZE = (60, 90)
UNLABELED, ROAD, PERSON, CAR = 0, 7, 24, 26
CLASSES = {PERSON: "person", CAR: "car"}


def square(left, side=20, height=None):
    mask = np.zeros(SIZE, bool)
    mask[5 : 5 + (height or side), left : left + side] = True
    return mask


def found(mask, score=0.9, category=PERSON) -> dict[str, Any]:
    return {"category_id": category, "score": score, "segmentation": encode_rle(mask)}


@pytest.fixture
def write_map(tmp_path):
    """Write an instance map whose background is road."""

    def write(*regions, name="ulm_000000_000019"):
        instance_map = np.full(SIZE, ROAD, np.uint16)
        for value, mask in regions:
            instance_map[mask] = value
        path = tmp_path / f"{name}_gtFine_instanceIds.png"
        cv2.imwrite(str(path), instance_map)
        return path

    return write


def test_one_person_found(write_map):
    path = write_map((PERSON * 1000, square(5)))
    assert cityscapes_metrics([(path, [found(square(5))])], CLASSES) == {
        "mask": {"AP": pytest.approx(1), "AP50": pytest.approx(1)},
        "classes": {
            "person": {"AP": pytest.approx(1), "AP50": pytest.approx(1)},
            "car": {"AP": -1, "AP50": -1},
        },
    }


def test_overlap_decides(write_map):
    # 400 pixels, of which the detection covers 250: IoU 0.625, above 3 of the 10 thresholds.
    path = write_map((PERSON * 1000, square(5)))
    half = square(5)
    half[17, 15:] = half[18:] = False
    assert half.sum() == 250
    metrics = cityscapes_metrics([(path, [found(half)])], CLASSES)["mask"]
    assert metrics == {"AP": pytest.approx(0.3), "AP50": pytest.approx(1)}


def test_wrong_detection_that_comes_first(write_map):
    """Precision is 0 at recall 0 and 0.5 at recall 1; each counts for half of the step."""
    path = write_map((PERSON * 1000, square(5)))
    results = [found(square(5), 0.9), found(square(40), 0.95)]
    assert cityscapes_metrics([(path, results)], CLASSES)["mask"]["AP"] == pytest.approx(0.25)


@pytest.mark.parametrize("value", [UNLABELED, PERSON], ids=["void", "group"])
def test_detections_in_ignored_regions_do_not_count(value, write_map):
    path = write_map((PERSON * 1000, square(5)), (value, square(40)))
    results = [found(square(5), 0.9), found(square(40), 0.95)]
    assert cityscapes_metrics([(path, results)], CLASSES)["mask"]["AP"] == pytest.approx(1)


def test_mean_over_classes_and_images(write_map):
    first = write_map((PERSON * 1000, square(5)), (CAR * 1000, square(40)))
    second = write_map((PERSON * 1000, square(5)), name="ulm_000001_000019")
    images = [(first, [found(square(5))]), (second, [found(square(5))])]
    metrics = cityscapes_metrics(images, CLASSES)
    assert metrics["classes"]["person"]["AP"] == pytest.approx(1)
    assert metrics["classes"]["car"]["AP"] == 0
    assert metrics["mask"]["AP"] == pytest.approx(0.5)
    only = cityscapes_metrics(images, {PERSON: "person", CAR: "car"} | {25: "rider"})
    assert only["classes"]["rider"]["AP"] == -1


def test_no_detections(write_map):
    path = write_map((PERSON * 1000, square(5)))
    assert cityscapes_metrics([(path, [])], CLASSES)["mask"] == {"AP": 0, "AP50": 0}
    assert cityscapes_metrics([(write_map(), [])], CLASSES)["mask"] == {"AP": -1, "AP50": -1}


def test_class_that_cityscapes_does_not_evaluate(write_map):
    with pytest.raises(RefineMaskError, match=r"does not evaluate the class 'dog'; it does person"):
        cityscapes_metrics([(write_map(), [])], {1: "dog"})


def test_missing_map(tmp_path):
    with pytest.raises(RefineMaskError, match=r"no instance map .* unpack gtFine"):
        cityscapes_metrics([(tmp_path / "a_gtFine_instanceIds.png", [])], CLASSES)


def test_damaged_map(tmp_path):
    path = tmp_path / "a_gtFine_instanceIds.png"
    path.write_text("no picture")
    with pytest.raises(
        RefineMaskError, match="is not an instance map of Cityscapes: it is not a PNG"
    ):
        cityscapes_metrics([(path, [])], CLASSES)


@pytest.mark.parametrize("value", [40, 65535])
def test_impossible_value_in_a_map(value, write_map):
    with pytest.raises(RefineMaskError, match=f"its value {value} stands for no class"):
        cityscapes_metrics([(write_map((value, square(5))), [])], CLASSES)


def test_mask_of_another_size(write_map):
    path = write_map((PERSON * 1000, square(5)))
    with pytest.raises(RefineMaskError, match=r"result 0 of ulm.* is 30 x 90 pixels, .* 60 x 90"):
        cityscapes_metrics([(path, [found(square(5)[:30])])], CLASSES)


def test_nothing_lasting_happens(write_map, tmp_path, monkeypatch, capsys):
    path = write_map((PERSON * 1000, square(5)))
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    monkeypatch.chdir(folder)
    cityscapes_metrics([(path, [found(square(5))])], CLASSES)
    import cityscapesscripts.evaluation as package

    assert list(folder.iterdir()) == []
    assert "gtInstances.json" not in os.listdir(os.path.dirname(package.__file__))
    assert not hasattr(np, "in1d")
    assert capsys.readouterr() == ("", "")
