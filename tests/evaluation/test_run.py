"""A predictor over a dataset: classes matched by name, limits, progress."""

import logging
from types import SimpleNamespace

import numpy as np
import pytest

from refinemask.data.open import open_dataset
from refinemask.errors import RefineMaskError
from refinemask.evaluation import evaluate, format_table
from refinemask.inference.rle import decode_rle, encode_rle
from refinemask.inference.structures import Detections

SIZE = (40, 50)
NAMES = {11: "cat", 12: "dog"}


def make_dataset(objects, count=3):
    """Return a dataset of `count` images, image i filled with the value i.

    Args:
        objects: (image index, category id) of each object, a square of 20 pixels.
        count: number of images.
    """
    mask = np.zeros(SIZE, bool)
    mask[10:30, 15:35] = True
    ids = [100 + index for index in range(count)]
    annotations = [
        {
            "id": number,
            "image_id": ids[index],
            "category_id": category,
            "segmentation": encode_rle(mask),
            "bbox": [15, 10, 20, 20],
            "area": 400,
            "iscrowd": 0,
        }
        for number, (index, category) in enumerate(objects)
    ]
    return SimpleNamespace(
        protocol="coco",
        class_names=tuple(NAMES.values()),
        category_ids=tuple(NAMES),
        image_ids=tuple(ids),
        ground_truth={
            "images": [{"id": i, "height": SIZE[0], "width": SIZE[1]} for i in ids],
            "categories": [{"id": i, "name": name} for i, name in NAMES.items()],
            "annotations": annotations,
        },
        load_image=lambda index: np.full((*SIZE, 3), index, np.uint8),
    )


class Oracle:
    """Detect every annotated object; an image is known by the value that fills it."""

    def __init__(self, dataset, class_names=("cat", "dog")):
        self.class_names = class_names
        self.category_ids = tuple(range(len(class_names)))
        self._dataset = dataset

    def predict(self, image, masks="bitmap", score_threshold=0.0, max_detections=None):
        assert masks == "rle"
        image_id = self._dataset.image_ids[int(image[0, 0, 0])]
        found = [
            a
            for a in self._dataset.ground_truth["annotations"]
            if a["image_id"] == image_id and NAMES[a["category_id"]] in self.class_names
        ]
        corners = [[x, y, x + w, y + h] for x, y, w, h in (a["bbox"] for a in found)]
        return Detections(
            np.array(corners, np.float32).reshape(-1, 4),
            np.linspace(0.9, 0.5, len(found), dtype=np.float32),
            np.array([self.class_names.index(NAMES[a["category_id"]]) for a in found], np.int64),
            [a["segmentation"] for a in found],
            SIZE,
        )


OBJECTS = [(0, 11), (1, 12), (2, 11), (2, 12)]


@pytest.mark.parametrize("class_names", [("cat", "dog"), ("dog", "cat")])
def test_perfect_predictor(class_names):
    dataset = make_dataset(OBJECTS)
    found = evaluate(Oracle(dataset, class_names), dataset)
    assert list(found) == ["images", "box", "mask", "boundary"]
    assert found["images"] == 3
    for kind in ("box", "mask", "boundary"):
        assert found[kind]["AP"] == pytest.approx(1)
        assert found[kind]["APl"] == -1


def test_progress():
    seen = []
    dataset = make_dataset(OBJECTS)
    evaluate(Oracle(dataset), dataset, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(1, 3), (2, 3), (3, 3)]


def test_limit_restricts_the_ground_truth_too():
    dataset = make_dataset(OBJECTS)
    found = evaluate(Oracle(dataset), dataset, limit=2)
    assert found["images"] == 2
    assert found["mask"]["AP"] == pytest.approx(1)
    assert evaluate(Oracle(dataset), dataset, limit=99)["images"] == 3


@pytest.mark.parametrize("limit", [0, -1])
def test_limit_below_one(limit):
    dataset = make_dataset(OBJECTS)
    with pytest.raises(RefineMaskError, match=f"at least 1, got {limit}"):
        evaluate(Oracle(dataset), dataset, limit=limit)


def test_no_detections():
    dataset = make_dataset(OBJECTS)
    blind = Oracle(make_dataset([]))
    found = evaluate(blind, dataset)
    assert [found[kind]["AP"] for kind in ("box", "mask", "boundary")] == [0, 0, 0]


def test_no_ground_truth():
    dataset = make_dataset([])
    with pytest.raises(
        RefineMaskError, match=r"there is nothing to measure: the .* images have no"
    ):
        evaluate(Oracle(make_dataset(OBJECTS)), dataset)


def test_only_common_classes_are_evaluated(caplog):
    dataset = make_dataset(OBJECTS)
    with caplog.at_level(logging.WARNING, "refinemask"):
        found = evaluate(Oracle(dataset, ("bird", "dog")), dataset)
    assert found["mask"]["AP"] == pytest.approx(1)
    assert "the 1 class in common (dog) of 2 of the model and 2 of the dataset" in caplog.text


def test_same_classes_give_no_warning(caplog):
    dataset = make_dataset(OBJECTS)
    evaluate(Oracle(dataset), dataset)
    assert not caplog.records


def test_no_class_in_common():
    dataset = make_dataset(OBJECTS)
    names = tuple(f"thing {number}" for number in range(9))
    with pytest.raises(RefineMaskError) as caught:
        evaluate(Oracle(dataset, names), dataset)
    assert "no class in common" in str(caught.value)
    assert "thing 4, ... (9)" in str(caught.value)
    assert "cat, dog" in str(caught.value)


def test_classes_without_names_are_those_of_the_dataset(caplog):
    """As in a state dict of torchvision: here label 0 is the dataset's first class."""
    dataset = make_dataset(OBJECTS)
    predict = Oracle(dataset).predict
    unnamed = SimpleNamespace(class_names=("class 0", "class 1"), category_ids=(), predict=predict)
    assert evaluate(unnamed, dataset)["mask"]["AP"] == pytest.approx(1)
    assert "does not name its 2 classes: taking those of the dataset, in this order: cat, dog" in (
        caplog.text
    )


def test_another_number_of_classes_without_names():
    dataset = make_dataset(OBJECTS)
    with pytest.raises(RefineMaskError, match=r"has 3 classes without names .* 2 \(cat, dog\)"):
        evaluate(Oracle(dataset, ("class 0", "class 1", "class 2")), dataset)


@pytest.mark.parametrize(
    ("mask", "message"),
    [
        (
            [],
            r"annotation 3 of the dataset has no polygon of three points, got \[\] \(1 of 4 .*\)",
        ),
        ([[1, 2, 3, 4]], "annotation 3 of the dataset has no polygon of three points"),
        (
            {"size": [5, 5], "counts": [25]},
            "annotation 3 of the dataset: it has a run-length .* height 40",
        ),
    ],
    ids=str,
)
def test_an_annotation_without_a_mask_is_found_before_anything_is_predicted(mask, message):
    dataset = make_dataset(OBJECTS)
    dataset.ground_truth["annotations"][3]["segmentation"] = mask
    predictor = SimpleNamespace(class_names=("cat", "dog"), category_ids=(1, 2))
    with pytest.raises(RefineMaskError, match=message):
        evaluate(predictor, dataset)


def test_real_dataset(shared):
    """Perfect detections of Penn-Fudan score 1; with images left out, less."""
    folder = shared / "data" / "pennfudan"
    dataset = open_dataset(str(folder / "instances_val.json"))
    truth = dataset.ground_truth["annotations"]
    remaining = iter(dataset.image_ids)

    def predict(image, masks):
        image_id = next(remaining)
        found = [a for a in truth if a["image_id"] == image_id] if image_id % 2 else []
        for item in found:
            assert decode_rle(item["segmentation"]).shape == image.shape[:2]
        corners = [[x, y, x + w, y + h] for x, y, w, h in (a["bbox"] for a in found)]
        return Detections(
            np.array(corners, np.float32).reshape(-1, 4),
            np.ones(len(found), np.float32),
            np.zeros(len(found), np.int64),
            [a["segmentation"] for a in found],
            image.shape[:2],
        )

    predictor = SimpleNamespace(class_names=("person",), category_ids=(1,), predict=predict)
    odd = sum(int(image_id) % 2 for image_id in dataset.image_ids)
    share = sum(a["image_id"] % 2 for a in truth) / len(truth)
    found = evaluate(predictor, dataset)
    assert found["images"] == len(dataset) > odd > 0
    for kind in ("box", "mask", "boundary"):
        assert found[kind]["AR100"] == pytest.approx(share)
        assert found[kind]["AP"] == pytest.approx(share, abs=0.01)


def test_table():
    dataset = make_dataset([(0, 11)])
    lines = format_table(evaluate(Oracle(dataset), dataset)).splitlines()
    assert [line.split() for line in lines] == [
        ["AP", "AP50", "AP75", "APs", "APm", "APl", "AR100"],
        ["box", "1.000", "1.000", "1.000", "1.000", "-", "-", "1.000"],
        ["mask", "1.000", "1.000", "1.000", "1.000", "-", "-", "1.000"],
        ["boundary", "1.000", "1.000", "1.000", "1.000", "-", "-", "1.000"],
    ]
    assert len({len(line) for line in lines}) == 1
