"""LVIS AP: cases by hand, and the package itself on real ground truth of LVIS v0.5."""

import copy
import json
import logging
from typing import Any

import cv2
import numpy as np
import pytest
from pycocotools import mask as coco_mask

from refinemask.errors import RefineMaskError
from refinemask.evaluation import lvis_metrics
from refinemask.evaluation.third_party import old_numpy

pytest.importorskip("lvis", reason="the package lvis is not installed")

SIZE = (60, 80)


def square(left, side=20, score=None, image=1, category=1):
    mask = np.zeros(SIZE, np.uint8, order="F")
    mask[5 : 5 + side, left : left + side] = 1
    rle = coco_mask.encode(mask)
    entry: dict[str, Any] = {
        "image_id": image,
        "category_id": category,
        "bbox": [left, 5, side, side],
        "segmentation": {"size": list(SIZE), "counts": rle["counts"].decode()},
    }
    return entry | ({"area": side * side} if score is None else {"score": score})


def dataset(annotations, negative=(), not_exhaustive=(), frequencies="rcf", images=(1,)):
    return {
        "images": [
            {
                "id": image,
                "height": SIZE[0],
                "width": SIZE[1],
                "neg_category_ids": list(negative),
                "not_exhaustive_category_ids": list(not_exhaustive),
            }
            for image in images
        ],
        "categories": [
            {"id": number, "name": f"class {number}", "frequency": frequency}
            for number, frequency in enumerate(frequencies, 1)
        ],
        "annotations": [{"id": number, **one} for number, one in enumerate(annotations)],
    }


def test_classes_by_frequency():
    """The rare class is found, the common one is not, the frequent one is not there to find."""
    truth = dataset([square(5), square(40, category=2)])
    for metrics in lvis_metrics(truth, [square(5, score=0.9)]).values():
        assert metrics == {
            "AP": pytest.approx(0.5),
            "AP50": pytest.approx(0.5),
            "AP75": pytest.approx(0.5),
            "APs": pytest.approx(0.5),
            "APm": -1,
            "APl": -1,
            "APr": pytest.approx(1),
            "APc": 0,
            "APf": -1,
        }


def test_a_wrong_detection_counts_only_where_its_class_was_looked_for():
    """Images that say nothing about a class do not tell that a detection of it is wrong."""
    wrong = [square(5, score=0.9, category=2), square(5, score=0.5)]
    elsewhere = [square(40, category=2, image=2)]
    found = [*wrong, square(40, score=0.8, category=2, image=2)]
    unknown = dataset([square(5), *elsewhere], images=(1, 2))
    absent = dataset([square(5), *elsewhere], negative=[2], images=(1, 2))
    in_part = dataset([square(5), *elsewhere], negative=[2], not_exhaustive=[2], images=(1, 2))
    assert lvis_metrics(unknown, found)["mask"]["APc"] == pytest.approx(1)
    assert lvis_metrics(absent, found)["mask"]["APc"] == pytest.approx(0.5)
    assert lvis_metrics(in_part, found)["mask"]["APc"] == pytest.approx(1)


def test_the_best_300_detections_of_an_image_count():
    truth = dataset([square(5)], negative=[2])
    last = [square(5, score=0.1)]
    enough = [square(5, score=0.5, category=2)] * 299
    assert lvis_metrics(truth, enough + last)["mask"]["APr"] == pytest.approx(1)
    assert lvis_metrics(truth, [*enough, enough[0], *last])["mask"]["APr"] == 0


def test_no_detections_and_no_ground_truth():
    assert lvis_metrics(dataset([square(5)]), [])["mask"]["AP"] == 0
    assert set(lvis_metrics(dataset([]), [square(5, score=1)])["box"].values()) == {-1.0}
    assert set(lvis_metrics(dataset([], frequencies=""), [])["box"].values()) == {-1.0}


def test_boxes_alone():
    results = [{k: v for k, v in square(5, score=1).items() if k != "segmentation"}]
    assert lvis_metrics(dataset([square(5)]), results, ["box"])["box"]["AP"] == pytest.approx(1)


@pytest.mark.parametrize("missing", ["neg_category_ids", "not_exhaustive_category_ids"])
@pytest.mark.parametrize("value", [None, 3, [[1]], ["1"]])
def test_ground_truth_without_lists(missing, value):
    truth = dataset([square(5)])
    truth["images"][0][missing] = value
    with pytest.raises(RefineMaskError, match=f"image 1 lacks {missing}, a list of .* LVIS"):
        lvis_metrics(truth, [])


def test_ground_truth_without_frequencies():
    truth = dataset([square(5)])
    truth["categories"][1]["frequency"] = "often"
    with pytest.raises(RefineMaskError, match="frequency r, c or f of category 'class 2'"):
        lvis_metrics(truth, [])


def test_results_of_another_dataset():
    with pytest.raises(RefineMaskError, match=r"image 9, .* another dataset"):
        lvis_metrics(dataset([square(5)]), [square(5, score=1, image=9)])


def test_nothing_lasting_happens(capsys):
    handlers, truth = list(logging.getLogger().handlers), dataset([square(5)])
    results = [square(5, score=0.5)]
    before = copy.deepcopy((truth, results))
    lvis_metrics(truth, results)
    assert (truth, results) == before
    assert logging.getLogger().handlers == handlers
    assert not hasattr(np, "float")
    assert capsys.readouterr() == ("", "")


def perturbed(truth, rng):
    """Return two moved copies of most annotations, some of them with another class."""
    sizes = {image["id"]: (image["height"], image["width"]) for image in truth["images"]}
    categories = [category["id"] for category in truth["categories"]]
    results = []
    for annotation in truth["annotations"] * 2:
        height, width = sizes[annotation["image_id"]]
        rle = coco_mask.merge(coco_mask.frPyObjects(annotation["segmentation"], height, width))
        moved = np.roll(coco_mask.decode(rle), rng.integers(-3, 4, 2), (0, 1))
        if rng.random() < 0.5:
            moved = cv2.dilate(moved, np.ones((3, 3), np.uint8))
        rle = coco_mask.encode(np.asfortranarray(moved))
        other = int(rng.choice(categories))
        results.append(
            {
                "image_id": annotation["image_id"],
                "category_id": other if rng.random() < 0.2 else annotation["category_id"],
                "score": round(float(rng.random()), 2),
                "bbox": coco_mask.toBbox(rle).tolist(),
                "segmentation": {"size": [height, width], "counts": rle["counts"].decode()},
            }
        )
    return results


def figures_of_the_package(path, results, kind):
    """Evaluate as the package's own documentation says, all classes and images together."""
    import lvis

    keep = {"box": "bbox", "mask": "segmentation"}[kind]
    shared_keys = ("image_id", "category_id", "score", keep)
    truth = lvis.LVIS(str(path))
    found = lvis.LVISResults(truth, [{key: one[key] for key in shared_keys} for one in results])
    evaluator = lvis.LVISEval(truth, found, "bbox" if kind == "box" else "segm")
    with old_numpy(lvis.eval, {"float": float}):
        evaluator.run()
    return evaluator.get_results()


@pytest.mark.parametrize("kind", ["box", "mask"])
def test_real_ground_truth_equals_the_package(kind, shared, tmp_path):
    truth = json.loads((shared / "data" / "eval_golden" / "lvis_val_100.json").read_text())
    truth["images"] = truth["images"][:40]
    kept = {image["id"] for image in truth["images"]}
    truth["annotations"] = [a for a in truth["annotations"] if a["image_id"] in kept]
    results = perturbed(truth, np.random.default_rng(0))
    path = tmp_path / "lvis.json"
    path.write_text(json.dumps(truth))
    expected = figures_of_the_package(path, copy.deepcopy(results), kind)
    found = lvis_metrics(truth, results, [kind])[kind]
    assert 0.1 < found["AP"] < 0.9
    assert found == {metric: float(expected[metric]) for metric in found}
