"""`refinemask data check`: what is found before training and evaluation would fail over it."""

import json

import cv2
import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from refinemask.cli.main import app
from refinemask.data.check import read_dataset
from refinemask.data.open import open_dataset


def check(*arguments):
    return CliRunner().invoke(app, ["data", "check", *map(str, arguments)])


@pytest.fixture
def sound(coco_files):
    """Leave nothing in the files that evaluation fails over."""
    content = coco_files.content
    content["annotations"] = [a for a in content["annotations"] if a["segmentation"] != []]
    coco_files.write()
    return coco_files


def test_a_sound_dataset(sound):
    done = check(sound.annotations)
    assert done.exit_code == 0, done.output
    assert "to train: " in done.stdout
    assert "2 of 4 images, 3 of 8 instances" in done.stdout
    assert "no problem found" in done.stderr


def test_images_that_cannot_be_used(sound, tmp_path):
    images = sound.root / "images"
    (images / "a.png").write_bytes((images / "a.png").read_bytes()[:200])
    cv2.imwrite(str(images / "b.png"), np.zeros((36, 48, 3), np.uint8))
    path = tmp_path / "found.json"
    done = check(sound.annotations, "--json", path, "--threads", 2)
    assert done.exit_code == 1
    assert "has 2 problems" in done.stderr
    first, second = json.loads(path.read_text())["failures"]
    assert "a.png" in first
    assert "b.png is 36 high and 48 wide" in second
    assert "EXIF orientation" in second


def test_orientation_of_the_image_itself(sound):
    picture = Image.new("RGB", (60, 40))
    exif = picture.getexif()
    exif[0x0112] = 6
    picture.save(sound.root / "images" / "turned.jpg", exif=exif)
    sound.content["images"][0]["file_name"] = "turned.jpg"
    done = check(sound.write_json())
    assert done.exit_code == 1
    assert "turned.jpg is 60 high and 40 wide" in done.stdout
    assert "EXIF orientation" in done.stdout


def test_what_is_there_twice(sound):
    content = sound.content
    images = sound.root / "images"
    (images / "copy.png").write_bytes((images / "a.png").read_bytes())
    size = {"height": 40, "width": 60}
    content["images"] += [
        {"id": 20, "file_name": "copy.png", **size},
        {"id": 21, "file_name": "a.png", **size},
    ]
    content["annotations"].append(content["annotations"][0] | {"id": 30})
    findings = read_dataset(open_dataset(sound.write_json()))
    assert {kind: (one.count, one.example) for kind, one in findings.duplicates.items()} == {
        "images of the same file": (1, 21),
        "images with the same content": (2, 20),
        "annotations with the same box and mask": (1, 30),
    }
    done = check(sound.annotations)
    assert done.exit_code == 0
    assert "duplicates, images of the same file: 1 (such as image 21)" in done.stdout


def test_uses_that_would_fail(sound):
    for annotation in sound.content["annotations"]:
        annotation["iscrowd"] = 1
    done = check(sound.write_json())
    assert done.exit_code == 1
    assert "train: " in done.stdout
    assert "eval: there is nothing to measure" in done.stdout


def test_generated_datasets_are_sound():
    calls = []
    findings = read_dataset(open_dataset("shapes:3"), 1, lambda *call: calls.append(call))
    assert (findings.failures, findings.duplicates) == ((), {})
    assert calls == [(1, 3), (2, 3), (3, 3)]


@pytest.mark.parametrize(
    "arguments",
    [
        ["check"],
        ["check", "a.json", "--source", "x"],
        ["pennfudan", "--source", "x"],
        ["pennfudan", "a.json", "--source", "x", "--output", "y"],
    ],
)
def test_wrong_usage(arguments):
    done = CliRunner().invoke(app, ["data", *arguments])
    assert done.exit_code == 2
    assert "write: refinemask data" in done.stderr
