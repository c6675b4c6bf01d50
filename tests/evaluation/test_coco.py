"""AP figures: golden ones, cases by hand, limiting cases, and a slow loop over whole images."""

import contextlib
import copy
import io
import json

import cv2
import numpy as np
import pytest
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from refinemask.evaluation import coco_metrics
from refinemask.evaluation.boundary_iou import boundary_distance
from refinemask.inference.rle import encode_rle

SIZE = (60, 80)


def load(path):
    return json.loads(path.read_text())


def square(top, left, side, shape=SIZE):
    mask = np.zeros(shape, bool)
    mask[top : top + side, left : left + side] = True
    return mask


def annotation(number, mask, image=1, category=1, **more):
    rle = encode_rle(mask)
    return {
        "id": number,
        "image_id": image,
        "category_id": category,
        "segmentation": rle,
        "bbox": coco_mask.toBbox(rle).tolist(),
        "area": int(mask.sum()),
        "iscrowd": 0,
        **more,
    }


def dataset(annotations, images=(1,), categories=(1,), shape=SIZE):
    return {
        "images": [{"id": i, "height": shape[0], "width": shape[1]} for i in images],
        "categories": [{"id": i, "name": f"class {i}"} for i in categories],
        "annotations": annotations,
    }


def as_results(annotations, score=0.9):
    keys = ("image_id", "category_id", "segmentation", "bbox")
    return [{**{key: a[key] for key in keys}, "score": score} for a in annotations]


class WholeImageLoop(COCOeval):
    """Boundary AP as its definition says: every mask of every pair as a bitmap of the image."""

    def computeIoU(self, imgId, catId):
        ious = super().computeIoU(imgId, catId)
        if len(ious) == 0:
            return ious
        wanted = [(self._boundary(a), a["iscrowd"]) for a in self._gts[imgId, catId]]
        order = np.argsort([-d["score"] for d in self._dts[imgId, catId]], kind="mergesort")
        for row, index in enumerate(order[: self.params.maxDets[-1]]):
            found = self._boundary(self._dts[imgId, catId][index])
            for column, (other, crowd) in enumerate(wanted):
                if not crowd:
                    overlap = (found & other).sum() / max((found | other).sum(), 1)
                    ious[row, column] = min(ious[row, column], overlap)
        return ious

    def _boundary(self, item):
        mask = coco_mask.decode(item["segmentation"])
        padded = cv2.copyMakeBorder(mask, 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0)
        distance = boundary_distance(*mask.shape)
        inner = cv2.erode(padded, np.ones((3, 3), np.uint8), iterations=distance)
        return (mask > inner[1:-1, 1:-1]).astype(bool)


def slow_boundary_metrics(ground_truth, results):
    # With a box, loadRes would sort detections into sizes by its area.
    results = [{k: v for k, v in r.items() if k != "bbox"} for r in copy.deepcopy(results)]
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO()
        truth.dataset = copy.deepcopy(ground_truth)
        truth.createIndex()
        evaluator = WholeImageLoop(truth, truth.loadRes(results), "segm")
        evaluator.evaluate()
        evaluator.accumulate()
        evaluator.summarize()
    names = ("AP", "AP50", "AP75", "APs", "APm", "APl", "AR1", "AR10", "AR100")
    stats = dict(zip(names, evaluator.stats[:9].tolist(), strict=True))
    del stats["AR1"], stats["AR10"]
    return stats


def first_images(ground_truth, count):
    images = ground_truth["images"][:count]
    ids = {image["id"] for image in images}
    annotations = [a for a in ground_truth["annotations"] if a["image_id"] in ids]
    return {**ground_truth, "images": images, "annotations": annotations}


def perturb(mask, rng, pixels=3):
    """Return the mask moved, grown or shrunk by up to so many pixels."""
    moved = np.roll(mask.astype(np.uint8), rng.integers(-pixels, pixels + 1, 2), (0, 1))
    kernel = np.ones(rng.integers(1, 2 * pixels + 2, 2), np.uint8)
    return (cv2.dilate if rng.random() < 0.5 else cv2.erode)(moved, kernel).astype(bool)


def test_coco_golden_figures(shared):
    folder = shared / "data" / "eval_golden"
    truth = load(folder / "instances_val2014_100.json")
    boxes = load(folder / "instances_val2014_fakebbox100_results.json")
    masks = load(folder / "instances_val2014_fakesegm100_results.json")
    found = {
        **coco_metrics(truth, boxes, kinds=["box"]),
        **coco_metrics(truth, masks, kinds=["mask"]),
    }
    rounded = {kind: [round(value, 3) for value in found[kind].values()] for kind in found}
    assert rounded == {
        "box": [0.505, 0.697, 0.573, 0.586, 0.519, 0.501, 0.595],
        "mask": [0.320, 0.562, 0.299, 0.387, 0.310, 0.327, 0.417],
    }


def test_boundary_golden_figures(shared):
    folder = shared / "data" / "eval_golden" / "faster_coco_eval_tests"
    found = coco_metrics(load(folder / "gt_dataset.json"), load(folder / "dt_dataset.json"))
    assert found["boundary"]["AP"] == pytest.approx(0.69472, abs=5e-6)
    assert found["boundary"]["APm"] == pytest.approx(0.73680, abs=5e-6)
    assert found["boundary"]["AR100"] == pytest.approx(0.75)


def test_boundary_golden_results_equal_whole_image_loop(shared):
    folder = shared / "data" / "eval_golden"
    truth = first_images(load(folder / "instances_val2014_100.json"), 30)
    ids = {image["id"] for image in truth["images"]}
    masks = load(folder / "instances_val2014_fakesegm100_results.json")
    masks = [result for result in masks if result["image_id"] in ids]
    found = coco_metrics(truth, masks, kinds=["boundary"])["boundary"]
    assert found["AP"] > 0.05
    assert found == slow_boundary_metrics(truth, masks)


def test_boundary_equals_whole_image_loop_on_perturbed_truth(shared):
    rng = np.random.default_rng(0)
    truth = load(shared / "data" / "coco_mini" / "annotations" / "instances_val2017.json")
    crowded = {a["image_id"] for a in truth["annotations"] if a["iscrowd"]}
    truth["images"].sort(key=lambda image: image["id"] not in crowded)
    truth = first_images(truth, 6)
    assert any(a["iscrowd"] for a in truth["annotations"])
    index = COCO.__new__(COCO)
    index.imgs = {image["id"]: image for image in truth["images"]}
    results = []
    for item in truth["annotations"] * 2:
        rle = encode_rle(perturb(index.annToMask(item).astype(bool), rng))
        results += as_results([{**item, "segmentation": rle}], rng.random())
    found = coco_metrics(truth, results, kinds=["boundary"])["boundary"]
    assert 0.05 < found["AP"] < 0.95
    assert found == slow_boundary_metrics(truth, results)


def test_boundary_equals_whole_image_loop_on_blobs():
    rng = np.random.default_rng(1)
    blurred = [cv2.GaussianBlur(rng.normal(size=(120, 160)), (0, 0), 20) for _ in range(8)]
    masks = [image > 0 for image in blurred]
    truth = [annotation(n, mask, 1 + n % 2, 1 + n % 3) for n, mask in enumerate(masks, 1)]
    truth[0]["iscrowd"] = 1
    results = []
    for item, mask in zip(truth * 2, masks * 2, strict=True):
        rle = encode_rle(perturb(mask, rng, pixels=1))
        results += as_results([{**item, "segmentation": rle}], rng.random())
    ground_truth = dataset(truth, images=(1, 2), categories=(1, 2, 3), shape=(120, 160))
    found = coco_metrics(ground_truth, results, kinds=["boundary"])["boundary"]
    assert 0.05 < found["AP"] < 0.95
    assert found == slow_boundary_metrics(ground_truth, results)


def test_truth_as_detections_scores_one():
    truth = [
        annotation(1, square(5, 5, 20)),
        annotation(2, square(0, 40, 30), category=2),
        annotation(3, square(10, 10, 40), image="b"),
    ]
    ground_truth = dataset(truth, images=(1, "b"), categories=(1, 2))
    for metrics in coco_metrics(ground_truth, as_results(truth)).values():
        assert metrics == {
            "AP": pytest.approx(1),
            "AP50": pytest.approx(1),
            "AP75": pytest.approx(1),
            "APs": pytest.approx(1),
            "APm": pytest.approx(1),
            "APl": -1,
            "AR100": pytest.approx(1),
        }


def test_boundary_ap_by_hand():
    # Squares of 40 moved by one column, distance 2: the rings have 4 * 2 * 38 = 304 pixels. The top
    # and bottom strips share 2 * 2 * 39 = 156, the sides one column of 36 pixels each, 72. So the
    # boundary IoU is 228 / 380 = 0.6, the mask IoU 39 / 41 = 0.951.
    truth = annotation(1, square(5, 5, 40))
    results = as_results([annotation(1, square(5, 6, 40))])
    found = coco_metrics(dataset([truth]), results)
    assert found["mask"]["AP"] == pytest.approx(1)
    assert found["boundary"]["AP"] == pytest.approx(0.3)  # 0.5, 0.55 and 0.6 of ten thresholds
    assert found["boundary"]["AP50"] == pytest.approx(1)
    assert found["boundary"]["AP75"] == 0


def test_detections_inside_a_crowd_are_ignored():
    crowd = annotation(1, square(0, 0, 50), iscrowd=1)
    person = annotation(2, square(35, 60, 15))
    results = as_results([annotation(0, square(10, 10, 12))], 0.95) + as_results([person], 0.5)
    for metrics in coco_metrics(dataset([crowd, person]), results).values():
        assert metrics["AP"] == pytest.approx(1)
    for metrics in coco_metrics(dataset([person]), results).values():
        assert metrics["AP"] == pytest.approx(0.5)  # the wrong detection comes first


def test_no_detections():
    found = coco_metrics(dataset([annotation(1, square(5, 5, 20))]), [])
    assert {metrics["AP"] for metrics in found.values()} == {0.0}
    assert {metrics["AR100"] for metrics in found.values()} == {0.0}
    assert {metrics["APl"] for metrics in found.values()} == {-1.0}


@pytest.mark.parametrize("images", [(), (1,)])
@pytest.mark.parametrize("categories", [(), (1,)])
def test_no_ground_truth_is_undefined(images, categories):
    results = as_results([annotation(1, square(5, 5, 20))]) if images and categories else []
    for metrics in coco_metrics(dataset([], images, categories), results).values():
        assert set(metrics.values()) == {-1.0}


def test_annotation_with_id_zero_counts():
    """COCO's evaluator takes the id 0 for "not matched"."""
    truth = [annotation(0, square(5, 5, 20))]
    assert coco_metrics(dataset(truth), as_results(truth))["mask"]["AP"] == pytest.approx(1)


def test_sizes_go_by_the_mask_not_its_box():
    # A thin diagonal of area 180 in a box of area 60 x 60 is a small object.
    mask = (
        np.eye(60, 80, dtype=bool) | np.eye(60, 80, 1, dtype=bool) | np.eye(60, 80, 2, dtype=bool)
    )
    truth = annotation(1, square(0, 70, 5))
    results = as_results([truth], 0.5) + as_results([annotation(2, mask)], 0.9)
    found = coco_metrics(dataset([truth]), results)
    assert found["mask"]["APs"] == pytest.approx(0.5)
    assert found["box"]["APs"] == pytest.approx(1)


def plain_pycocotools(ground_truth, results, kind):
    keep = "bbox" if kind == "box" else "segmentation"
    keys = ("image_id", "category_id", "score", keep)
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO()
        truth.dataset = copy.deepcopy(ground_truth)
        truth.createIndex()
        found = truth.loadRes([{key: one[key] for key in keys} for one in copy.deepcopy(results)])
        evaluator = COCOeval(truth, found, "bbox" if kind == "box" else "segm")
        evaluator.evaluate()
        evaluator.accumulate()
        evaluator.summarize()
    return [*evaluator.stats[:6].tolist(), evaluator.stats[8]]


@pytest.mark.parametrize("kind", ["box", "mask"])
@pytest.mark.parametrize("seed", range(4))
def test_equals_pycocotools_on_random_squares(kind, seed):
    """Equal scores, crowds, duplicates and every range of sizes, in several images and classes."""
    rng = np.random.default_rng(seed)
    shape = (150, 160)

    def draw(count, **more):
        sides = rng.integers(8, 120, count).tolist()
        return [
            annotation(
                number,
                square(rng.integers(0, 9), rng.integers(0, 9), side, shape),
                int(rng.integers(1, 4)),
                int(rng.integers(1, 4)),
                iscrowd=int(rng.random() < more.get("crowd", 0)),
            )
            for number, side in enumerate(sides, 1)
        ]

    ground_truth = dataset(draw(40, crowd=0.1), (1, 2, 3), (1, 2, 3), shape)
    results = [
        {**one, "score": float(rng.choice([0.3, 0.5, 0.5, 0.9]))}
        for one in as_results(draw(250) + ground_truth["annotations"])
    ]
    found = list(coco_metrics(ground_truth, results, [kind])[kind].values())
    assert 0.1 < found[0] < 0.9
    assert found == plain_pycocotools(ground_truth, results, kind)


@pytest.mark.parametrize("kind", ["box", "mask"])
def test_equals_pycocotools_on_what_annotation_files_have(kind):
    """Polygons in part and wholly out of the image, a crowd in plain counts, an empty image."""

    def outlined(number, x, y, w, h, image=1):
        entry = annotation(number, square(0, 0, 1), image)
        polygon = [x, y, x + w, y, x + w, y + h, x, y + h]
        return {**entry, "segmentation": [polygon], "bbox": [x, y, w, h], "area": w * h}

    rows, columns = SIZE
    crowd = annotation(3, np.eye(*SIZE, dtype=bool), iscrowd=1)
    crowd["segmentation"] = {"size": list(SIZE), "counts": [rows * (columns - 10), rows * 10]}
    partly, wholly = outlined(1, 60, 40, 40, 40), outlined(2, 100, 10, 20, 20)
    truth = dataset([partly, wholly, crowd], images=(1, 2))
    visible = annotation(1, square(40, 60, 20))
    found_ones = [visible, visible | {"bbox": partly["bbox"]}, annotation(1, square(5, 72, 8))]
    results = as_results([*found_ones, annotation(1, square(5, 5, 20), image=2)])
    found = list(coco_metrics(truth, results, [kind])[kind].values())
    assert found == plain_pycocotools(truth, results, kind)
    assert 0.1 < found[0] < 1


def test_only_the_best_hundred_detections_count():
    truth = annotation(1, square(5, 5, 20))
    wrong = as_results([annotation(1, square(35, 60, 10))], 0.9) * 100
    found = coco_metrics(dataset([truth]), wrong + as_results([truth], 0.8))
    assert {metrics["AP"] for metrics in found.values()} == {0.0}


def test_arguments_are_left_alone_and_nothing_is_printed(capsys):
    truth = dataset([annotation(1, square(5, 5, 20))])
    results = as_results(truth["annotations"])
    before = copy.deepcopy((truth, results))
    coco_metrics(truth, results)
    assert (truth, results) == before
    assert capsys.readouterr() == ("", "")
