"""Results that name images by their files and classes by their names, as predict writes them."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
from typer.testing import CliRunner

from refinemask.cli.main import app
from refinemask.errors import RefineMaskError
from refinemask.evaluation import RenamedClasses, evaluate, measure_file
from refinemask.inference.file_names import _ends
from refinemask.inference.rle import encode_rle
from refinemask.inference.structures import Detections

SIZE = (40, 50)
MASK = np.zeros(SIZE, bool)
MASK[10:30, 5:25] = True


def dataset(names=("a.jpg", "b.jpg"), classes=((7, "person"), (1, "car")), ids=(1, 2)):
    """Make a dataset with a person in each image."""
    annotations = [
        {"id": id_, "image_id": id_, "category_id": 7, "bbox": [5, 10, 20, 20], "iscrowd": 0}
        | {"segmentation": encode_rle(MASK), "area": 400}
        for id_ in ids
    ]
    return SimpleNamespace(
        protocol="coco",
        class_names=tuple(name for _, name in classes),
        category_ids=tuple(id_ for id_, _ in classes),
        image_ids=ids,
        ground_truth={
            "images": [
                {"id": id_, "file_name": name, "height": SIZE[0], "width": SIZE[1]}
                for id_, name in zip(ids, names, strict=True)
            ],
            "categories": [{"id": id_, "name": name} for id_, name in classes],
            "annotations": annotations,
        },
        load_image=lambda index: np.zeros((*SIZE, 3), np.uint8),
    )


def write(tmp_path, *image_ids, **change):
    """Write the results of a model whose person is 1."""
    result = {"category_id": 1, "category_name": "person", "score": 0.9, "bbox": [5, 10, 20, 20]}
    result |= {"segmentation": encode_rle(MASK)} | change
    result = {key: value for key, value in result.items() if value is not None}
    path = tmp_path / "results.json"
    path.write_text(json.dumps([{"image_id": image_id} | result for image_id in image_ids]))
    return path


@pytest.mark.parametrize(
    ("names", "image_ids"),
    [
        (("a.jpg", "b.jpg"), ("a.jpg", "b.jpg")),
        (("set/a.jpg", "set/b.jpg"), ("a.jpg", "b.jpg")),
        (("a.jpg", "b.jpg"), ("photos/a.jpg", "photos/b.jpg")),
        (("x/a.jpg", "y/a.jpg"), ("photos/x/a.jpg", "photos/y/a.jpg")),
        ((r"images\\a.jpg", r"images\\b.jpg"), ("a.jpg", "b.jpg")),
        (("a.jpg", "b.jpg"), (1, 2)),
        (("a.jpg", "b.jpg"), (1.0, 2.0)),
    ],
)
def test_names_are_matched(tmp_path, names, image_ids):
    found = measure_file(write(tmp_path, *image_ids), dataset(names))
    assert found["mask"]["AP"] == pytest.approx(1)


def test_ids_that_are_names(tmp_path):
    truth = dataset(ids=("a.jpg", "b.jpg"))
    assert measure_file(write(tmp_path, "a.jpg", "b.jpg"), truth)["mask"]["AP"] == pytest.approx(1)


def test_ids_stay_ids(tmp_path):
    path = write(tmp_path, 1, 2, category_id=7, category_name=None)
    assert measure_file(path, dataset())["mask"]["AP"] == pytest.approx(1)


def test_file_names_without_names_of_classes(tmp_path, caplog):
    path = write(tmp_path, "a.jpg", "b.jpg", category_name=None)
    assert measure_file(path, dataset())["mask"]["AP"] == 0  # 1 is a car
    assert "for those of the dataset: 7 person, 1 car" in caplog.text


def test_classes_that_the_dataset_lacks(tmp_path, caplog):
    path = write(tmp_path, "a.jpg", category_name="zebra")
    assert measure_file(path, dataset())["mask"]["AP"] == 0
    assert "left out the results of classes that the dataset lacks: zebra" in caplog.text


def test_ambiguous_names(tmp_path):
    with pytest.raises(
        RefineMaskError, match=r"result 0 is for image 'a\.jpg', which is not among"
    ):
        measure_file(write(tmp_path, "a.jpg"), dataset(("x/a.jpg", "y/a.jpg")))


def test_renamed_classes_of_results(tmp_path):
    truth = dataset(classes=((7, "pedestrian"),))
    path = write(tmp_path, "a.jpg", "b.jpg")
    found = measure_file(path, truth, renamed={"person": "pedestrian"})
    assert found["mask"]["AP"] == pytest.approx(1)
    for wrong, owner in (
        ({"human": "pedestrian"}, "results.json"),
        ({"person": "x"}, "the dataset"),
    ):
        with pytest.raises(RefineMaskError, match=rf"--map: .*{owner} has no class"):
            measure_file(path, truth, renamed=wrong)


def test_renamed_classes_of_a_model():
    def predict(image, masks="bitmap", score_threshold=0.0, max_detections=None):
        boxes = np.array([[5, 10, 25, 30]] * 2, np.float32)
        scores, labels = np.array([0.9, 0.8], np.float32), np.array([1, 0])
        return Detections(boxes, scores, labels, [encode_rle(MASK)] * 2, SIZE)

    model = SimpleNamespace(class_names=("dog", "person"), category_ids=(3, 4), predict=predict)
    truth = dataset(classes=((7, "pedestrian"),))
    renamed = RenamedClasses(model, {"person": "pedestrian"}, truth)
    assert evaluate(renamed, truth)["mask"]["AP"] == pytest.approx(1)
    with pytest.raises(
        RefineMaskError, match="--map: the model has no class 'cat'; it has dog, per"
    ):
        RenamedClasses(model, {"cat": "pedestrian"}, truth)


@pytest.mark.parametrize("text", ["person", "=a", "a=", "a=b=c", "a=b,c"])
def test_malformed_map(text):
    done = CliRunner().invoke(
        app, ["eval", "--dataset", "shapes:1", "--results", "r", "--map", text]
    )
    assert done.exit_code == 2
    assert "--map must be MODEL=DATASET" in done.stderr


def test_a_name_of_many_parts_has_few_ends():
    ends = _ends("a/" * 100_000 + "b.png")
    assert len(ends) == 32
    assert ends[-2:] == ["a/b.png", "b.png"]
