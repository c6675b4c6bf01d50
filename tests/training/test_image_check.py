"""Images that cannot be read are found before training begins."""

import json
import logging
import os
from pathlib import Path

import cv2
import numpy as np
import pytest

from refinemask.data.open import open_dataset
from refinemask.errors import RefineMaskError
from refinemask.training import image_check, train
from refinemask.training.image_check import FILE_NAME, check_images
from tests.training.runs import options


@pytest.fixture
def dataset(tmp_path):
    """Write three images, each with one star, and return what opens them."""
    folder = tmp_path / "images"
    folder.mkdir()
    images, annotations = [], []
    for number in range(3):
        pixels = np.random.default_rng(number).integers(0, 256, (48, 64, 3), np.uint8)
        cv2.imwrite(str(folder / f"{number}.jpg"), pixels)
        images.append({"id": number, "file_name": f"{number}.jpg", "height": 48, "width": 64})
        box = {"bbox": [8, 8, 20, 20], "area": 400, "iscrowd": 0, "category_id": 1}
        outline = [[8, 8, 28, 8, 28, 28, 8, 28]]
        annotations.append({"id": number + 1, "image_id": number, "segmentation": outline} | box)
    categories = [{"id": 1, "name": "star"}, {"id": 2, "name": "ring"}]
    content = {"images": images, "annotations": annotations, "categories": categories}
    (tmp_path / "a.json").write_text(json.dumps(content))
    return f"{tmp_path / 'a.json'}@{folder}"


def cut(dataset, *numbers):
    for number in numbers:
        path = dataset.rpartition("@")[2] + f"/{number}.jpg"
        with open(path, "rb+") as file:
            file.truncate(300)


def test_all_bad_images_are_named_before_training(dataset, tmp_path, caplog):
    cut(dataset, 0, 2)
    output = tmp_path / "run"
    with (
        caplog.at_level(logging.WARNING),
        pytest.raises(RefineMaskError, match="2 of the 3 images of the run cannot be used; repair"),
    ):
        train(options(output, datasets=("shapes:2",), validation=(dataset,)))
    assert ["0.jpg is truncated" in caplog.text, "2.jpg is truncated" in caplog.text] == [True] * 2
    assert not output.exists()


def test_images_are_read_once(dataset, tmp_path, monkeypatch):
    seen = []
    opened = open_dataset(dataset)
    datasets = (opened, opened.for_training(), open_dataset("shapes:2"))
    check_images(datasets, tmp_path / "run", lambda done, total: seen.append((done, total)))
    assert seen == [(1, 3), (2, 3), (3, 3)]
    with monkeypatch.context() as patched:
        patched.setattr(image_check, "_problem", None)
        check_images(datasets, tmp_path / "run")
    cut(dataset, 1)
    with pytest.raises(RefineMaskError, match="1 of the 3 images"):
        check_images(datasets, tmp_path / "run")


@pytest.mark.parametrize("order", [1, -1])
def test_an_image_of_two_datasets_fits_both(dataset, tmp_path, order):
    annotations, _, folder = dataset.rpartition("@")
    content = json.loads(Path(annotations).read_text())
    for entry in content["images"]:
        entry["height"] = 47
    (tmp_path / "wrong.json").write_text(json.dumps(content))
    wrong = open_dataset(f"{tmp_path / 'wrong.json'}@{folder}")
    with pytest.raises(RefineMaskError, match="3 of the 6 images of the run cannot be used"):
        check_images([open_dataset(dataset), wrong][::order], tmp_path / "run")


def test_annotations_that_change_are_checked_again(dataset, tmp_path):
    check_images([open_dataset(dataset)], tmp_path / "run")
    annotations = Path(dataset.rpartition("@")[0])
    annotations.write_text(annotations.read_text().replace('"width": 64', '"width": 65'))
    with pytest.raises(RefineMaskError, match="3 of the 3 images of the run cannot be used"):
        check_images([open_dataset(dataset)], tmp_path / "run")


def test_a_damaged_note_is_ignored(dataset, tmp_path):
    for text in ("", "[]", "{}", "\udcff"):
        (tmp_path / FILE_NAME).write_bytes(os.fsencode(text))
        check_images([open_dataset(dataset)], tmp_path)
        assert json.loads((tmp_path / FILE_NAME).read_text())["images"] == 3


def test_generated_images_need_no_check(tmp_path):
    check_images([open_dataset("shapes:2")], tmp_path / "run")
    assert not (tmp_path / "run").exists()
