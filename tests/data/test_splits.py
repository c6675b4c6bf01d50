"""Splits made from data in the genuine layout equal those that the figures were made on."""

import json

import cv2
import numpy as np
import pytest

from refinemask.data import splits
from refinemask.data.open import open_dataset
from refinemask.data.splits import convert
from refinemask.errors import RefineMaskError
from refinemask.inference.rle import decode_rle


@pytest.fixture(scope="module")
def pennfudan(shared, tmp_path_factory):
    """Penn-Fudan as it is downloaded, made from the splits."""
    source = tmp_path_factory.mktemp("download") / "PennFudanPed"
    for name in ("PNGImages", "PedMasks"):
        (source / name).mkdir(parents=True)
    for part in ("train", "val"):
        truth = read(shared / "data" / "pennfudan" / f"instances_{part}.json")
        for image in truth["images"]:
            name = image["file_name"]
            (source / "PNGImages" / name).symlink_to(shared / "data/pennfudan/images" / name)
            mask = np.zeros((image["height"], image["width"]), np.uint8)
            people = [a for a in truth["annotations"] if a["image_id"] == image["id"]]
            for value, person in enumerate(people, start=1):
                mask[decode_rle(person["segmentation"])] = value
            cv2.imwrite(str(source / "PedMasks" / name.replace(".png", "_mask.png")), mask)
    return source


@pytest.fixture(scope="module")
def coco(shared, tmp_path_factory):
    """COCO 2017 as it is downloaded, with one image more than the split."""
    source = tmp_path_factory.mktemp("coco")
    (source / "annotations").mkdir()
    for part in ("train2017", "val2017"):
        truth = read(shared / "data" / "coco_mini" / "annotations" / f"instances_{part}.json")
        (source / part).mkdir()
        for image in truth["images"]:
            name = image["file_name"]
            (source / part / name).symlink_to(shared / "data/coco_mini/images" / name)
        truth["images"].append(truth["images"][0] | {"id": 1, "file_name": "other.jpg"})
        truth["annotations"].append(truth["annotations"][0] | {"id": 1, "image_id": 1})
        truth["annotations"].reverse()
        path = source / "annotations" / f"instances_{part}.json"
        path.write_text(json.dumps(truth))
    return source


@pytest.fixture
def short_lists(monkeypatch):
    """Cut the lists of images, so that a test is quick."""
    whole = splits._read_ids
    monkeypatch.setattr(splits, "_read_ids", lambda name, part: whole(name, part)[:3])


def test_pennfudan(shared, pennfudan, tmp_path):
    paths = convert("pennfudan", pennfudan.parent, tmp_path / "out")
    assert paths == tuple(tmp_path / "out" / f"instances_{part}.json" for part in ("train", "val"))
    for path in paths:
        assert read(path) == read(shared / "data" / "pennfudan" / path.name)
    assert len(open_dataset(str(paths[1])).for_training()[0].masks) == 2
    assert len(list((tmp_path / "out" / "images").iterdir())) == 130


def test_coco_mini(shared, coco, tmp_path):
    paths = convert("coco-mini", coco, tmp_path / "out")
    for path in paths:
        expected = read(shared / "data" / "coco_mini" / "annotations" / path.name)
        content = read(path)
        for section in ("licenses", "categories", "images", "annotations"):
            assert content[section] == expected[section]
    assert len(open_dataset(str(paths[1]), ["person"]).for_training()) > 50


@pytest.mark.parametrize(
    "lost", ["PedMasks/FudanPed00003_mask.png", "PNGImages/FudanPed00005.png", "PedMasks"]
)
def test_incomplete_pennfudan_writes_nothing(pennfudan, tmp_path, lost):
    source = tmp_path / "source"
    copy_links(pennfudan, source)
    path = source / lost
    path.rename(tmp_path / "lost")
    assert_fails("pennfudan", source, tmp_path / "out", "is incomplete")


@pytest.mark.usefixtures("short_lists")
def test_mask_that_is_no_mask(pennfudan, tmp_path):
    source = tmp_path / "source"
    copy_links(pennfudan, source)
    path = source / "PedMasks" / "FudanPed00005_mask.png"
    path.unlink()
    path.write_bytes(b"no image")
    assert_fails("pennfudan", source, tmp_path / "out", "mask.png as an image")
    cv2.imwrite(str(path), np.ones((20, 30), np.uint8))
    assert_fails("pennfudan", source, tmp_path / "out", r"size \(20, 30\)")


def test_incomplete_coco_writes_nothing(coco, tmp_path):
    source = tmp_path / "source"
    copy_links(coco, source)
    (source / "val2017" / "000000000139.jpg").unlink()
    assert_fails("coco-mini", source, tmp_path / "out", r"first is val2017/000000000139\.jpg")
    (source / "annotations" / "instances_val2017.json").unlink()
    assert_fails("coco-mini", source, tmp_path / "out", "annotations/instances_val2017.json")


def test_annotations_without_the_images_of_the_split(coco, tmp_path):
    source = tmp_path / "source"
    copy_links(coco, source)
    path = source / "annotations" / "instances_train2017.json"
    truth = read(path)
    gone = truth["images"].pop(0)["id"]
    truth["annotations"] = [a for a in truth["annotations"] if a["image_id"] != gone]
    path.unlink()
    path.write_text(json.dumps(truth))
    assert_fails("coco-mini", source, tmp_path / "out", "lacks 1 of the 470 images")


@pytest.mark.parametrize("name", ["pennfudan", "coco-mini"])
def test_wrong_folders(tmp_path, name):
    assert_fails(name, tmp_path / "nowhere", tmp_path / "out", "is not a folder")
    (tmp_path / "source").mkdir()
    assert_fails(name, tmp_path / "source", tmp_path / "out", "is incomplete")


def test_unknown_name(tmp_path):
    assert_fails("voc", tmp_path, tmp_path / "out", "pennfudan or coco-mini")


@pytest.mark.usefixtures("short_lists")
def test_output_in_use(pennfudan, tmp_path):
    output = tmp_path / "out"
    output.mkdir()
    (output / "mine.txt").write_text("precious")
    with pytest.raises(RefineMaskError, match="exists already"):
        convert("pennfudan", pennfudan, output)
    assert [path.name for path in output.iterdir()] == ["mine.txt"]
    convert("pennfudan", pennfudan, tmp_path / "fresh" / "out")
    with pytest.raises(RefineMaskError, match="cannot write"):
        convert("pennfudan", pennfudan, output / "mine.txt" / "below")


def assert_fails(name, source, output, message):
    with pytest.raises(RefineMaskError, match=message):
        convert(name, source, output)
    assert not output.exists()
    assert not [path for path in output.parent.iterdir() if path.name.startswith(".")]


def copy_links(source, target):
    for path in source.rglob("*"):
        if path.is_file():
            link = target / path.relative_to(source)
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(path)


def read(path):
    return json.loads(path.read_text())
