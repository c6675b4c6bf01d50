"""LVIS as its users have it: genuine annotations, beside COCO's folders of images."""

import json
import os

import numpy as np
import pytest
import torch

from refinemask.data.batches import Batches
from refinemask.data.masks import PolygonMask
from refinemask.data.open import open_dataset
from refinemask.data.transforms import TrainTransform
from refinemask.errors import RefineMaskError
from refinemask.training.mask_targets import mask_targets

IMAGES = (11813, 346638)
"""Two of the four photographs that both the shared LVIS file and the shared images have."""


class LvisFiles:
    """Part of the shared LVIS v0.5 file, and the COCO images that it is about."""

    def __init__(self, shared, root):
        self.root = root
        content = json.loads((shared / "data/eval_golden/lvis_val_100.json").read_text())
        content["images"] = [i for i in content["images"] if i["id"] in IMAGES]
        content["annotations"] = [a for a in content["annotations"] if a["image_id"] in IMAGES]
        self.content = content
        self.photos = root / "coco" / "val2017"
        self.photos.mkdir(parents=True)
        for number in IMAGES:
            name = f"{number:012d}.jpg"
            (self.photos / name).symlink_to(shared / "data/coco_mini/images" / name)

    def to_v1(self):
        """Make the file one of version 1: images have no `file_name` there."""
        for image in self.content["images"]:
            del image["file_name"]

    def write(self, name="lvis/lvis_v1_val.json"):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(self.content))
        return str(path)


@pytest.fixture
def files(shared, tmp_path):
    return LvisFiles(shared, tmp_path)


@pytest.fixture
def v1(files):
    files.to_v1()
    return files


def test_is_recognised(v1):
    dataset = open_dataset(v1.write())
    assert dataset.protocol == "lvis"
    assert sorted(dataset.image_ids) == sorted(IMAGES)
    assert dataset.image_path(0).parts[-2:] == ("val2017", f"{dataset.image_ids[0]:012d}.jpg")


def test_classes_in_the_order_of_ids(v1):
    """As the official code has them: label = id - 1, whatever the order in the file."""
    v1.content["categories"].reverse()
    dataset = open_dataset(v1.write())
    assert dataset.category_ids == tuple(range(1, 1231))
    assert dataset.class_names[:2] == ("acorn", "aerosol_can")
    for index in range(2):
        wanted = [
            a["category_id"] - 1
            for a in v1.content["annotations"]
            if a["image_id"] == dataset.image_ids[index]
        ]
        np.testing.assert_array_equal(dataset[index].labels, wanted)
        np.testing.assert_array_equal(dataset.image_labels(index), wanted)


def test_ground_truth_keeps_what_its_evaluator_needs(v1):
    truth = open_dataset(v1.write()).ground_truth
    assert truth["images"] == v1.content["images"]
    assert truth["categories"] == v1.content["categories"]
    assert {"frequency", "synset", "synonyms", "image_count"} <= truth["categories"][0].keys()
    assert {"neg_category_ids", "not_exhaustive_category_ids"} <= truth["images"][0].keys()
    for found, wanted in zip(
        sorted(truth["annotations"], key=lambda a: a["id"]),
        sorted(v1.content["annotations"], key=lambda a: a["id"]),
        strict=True,
    ):
        assert found == wanted | {"iscrowd": 0}


@pytest.mark.parametrize(
    ("annotations", "images"),
    [
        ("lvis/lvis_v1_val.json", "coco"),  # as detectron2 and the download of LVIS have it
        ("lvis_v1/annotations/lvis_v1_val.json", "lvis_v1"),  # as mmdetection has it
        ("coco/annotations/lvis_v1_val.json", "coco"),
        ("lvis_v1_val.json", "."),
        ("lvis_v1_val.json", "images"),
    ],
)
def test_layouts(v1, tmp_path, annotations, images):
    (tmp_path / images).mkdir(exist_ok=True)
    if images != "coco":
        os.rename(v1.photos, tmp_path / images / "val2017")
    dataset = open_dataset(v1.write(annotations))
    assert dataset.load_image(0).shape[2] == 3


@pytest.mark.parametrize("folder", ["photos", "photos/val2017"])
def test_named_folder(v1, tmp_path, folder):
    """The folder with train2017 and val2017, or one that holds the images themselves."""
    os.rename(tmp_path / "coco", tmp_path / "photos")
    dataset = open_dataset(f"{v1.write()}@{tmp_path / folder}")
    assert dataset.image_path(1).is_file()


def test_version_0_5(files):
    """Its `file_name` is one of COCO 2014 here, which no user of LVIS has."""
    assert files.content["images"][0]["file_name"].startswith("COCO_val2014")
    dataset = open_dataset(files.write("lvis/lvis_v0.5_val.json"))
    assert dataset.protocol == "lvis"
    assert dataset.load_image(0).shape[2] == 3


def test_own_images_in_the_form_of_lvis(files, tmp_path):
    for image in files.content["images"]:
        del image["coco_url"]
        image["file_name"] = f"{image['id']:012d}.jpg"
    assert len(open_dataset(f"{files.write()}@{tmp_path / 'coco/val2017'}")) == 2


def test_missing_images_say_where_they_are_looked_for(v1):
    """Many have COCO's validation images only, but LVIS v1 validates on training images too."""
    v1.content["images"][1]["coco_url"] = "http://images.cocodataset.org/train2017/000000000001.jpg"
    with pytest.raises(RefineMaskError, match=r"1 of the 2 .* train2017/000000000001.jpg; .* both"):
        open_dataset(v1.write())


@pytest.mark.parametrize("key", ["neg_category_ids", "not_exhaustive_category_ids"])
def test_lists_of_an_image_are_missing(v1, key):
    del v1.content["images"][-1][key]
    with pytest.raises(RefineMaskError, match=f"lacks .*{key}"):
        open_dataset(v1.write())


def test_classes_choose(v1):
    chosen = {a["category_id"] for a in v1.content["annotations"] if a["image_id"] == IMAGES[0]}
    names = [c["name"] for c in v1.content["categories"] if c["id"] in chosen]
    dataset = open_dataset(v1.write(), names)
    assert dataset.class_names == tuple(names)
    assert set(dataset.category_ids) == chosen


def test_batches_for_training(v1):
    dataset = open_dataset(v1.write()).for_training()
    assert len(dataset) == 2
    batch = Batches([dataset], 2, 0, TrainTransform((160,), 240))[0]
    assert len(batch.targets) == 2
    for target in batch.targets:
        assert len(target.boxes) > 1
        assert all(isinstance(mask, PolygonMask) for mask in target.masks)
        everyone = torch.arange(len(target.boxes))
        cut = mask_targets(target.masks, target.boxes, everyone, 28, target.size)
        assert (cut.mean((1, 2)) > 0.05).all()
