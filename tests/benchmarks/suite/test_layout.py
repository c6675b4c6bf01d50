"""The layout: which images and boxes, and how boxes are repeated."""

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from refinemask.benchmarks.suite.layout import MAX_BOXES, MOVE, SCALE, Scene, layout, scenes
from refinemask.configs.classes import COCO_CATEGORY_IDS
from refinemask.errors import RefineMaskError


def coco_mini() -> Path:
    folder = Path(os.environ.get("REFINEMASK_SHARED", "shared"), "data/coco_mini")
    if not folder.is_dir():
        pytest.skip("needs the images of coco_mini; set REFINEMASK_SHARED")
    return folder


def test_it_is_what_its_rule_says() -> None:
    split = coco_mini() / "annotations/instances_val2017.json"
    data = json.loads(split.read_text(encoding="utf-8"))
    of_image: dict[int, list[dict[str, Any]]] = {image["id"]: [] for image in data["images"]}
    for annotation in data["annotations"]:
        if not annotation["iscrowd"]:
            of_image[annotation["image_id"]].append(annotation)
    images = [
        image
        for image in sorted(data["images"], key=lambda image: image["id"])
        if len(of_image[image["id"]]) >= 8 and image["width"] >= 1.3 * image["height"]
    ]
    assert len(layout()) == 20
    for entry, image in zip(layout(), images, strict=False):
        found = of_image[image["id"]]
        assert entry["file_name"] == image["file_name"]
        assert (entry["width"], entry["height"]) == (image["width"], image["height"])
        labels = [COCO_CATEGORY_IDS.index(one["category_id"]) for one in found]
        assert entry["labels"] == labels
        boxes = [(x, y, x + w, y + h) for x, y, w, h in (one["bbox"] for one in found)]
        np.testing.assert_allclose(entry["boxes"], boxes, atol=0.01)


def test_boxes_are_repeated_with_jitter_inside_the_picture() -> None:
    (scene,) = scenes(400, 600, None, count=1)
    entry = layout()[0]
    scale = min(400 / entry["height"], 600 / entry["width"])
    height, width = round(scale * entry["height"]), round(scale * entry["width"])
    assert scene.image.shape == (400, 600, 3)
    assert not scene.image[height:].any() and not scene.image[:, width:].any()
    assert len(scene.boxes) == len(scene.labels) == MAX_BOXES
    count = len(entry["boxes"])
    given = np.array(entry["boxes"]) * scale
    first = scene.boxes[:count]
    np.testing.assert_allclose(np.sort(first, 0), np.sort(given, 0), atol=0.6)
    assert (scene.boxes >= 0).all() and (scene.boxes <= (width, height, width, height)).all()
    again = scene.boxes[count : 2 * count]
    inside = ((again > 0) & (again < (width, height, width, height))).all(1)
    sides, before = again[:, 2:] - again[:, :2], first[:, 2:] - first[:, :2]
    changes = (sides / before)[inside]
    assert 1 - SCALE <= changes.min() < changes.max() <= 1 + SCALE
    moves = ((again[:, 2:] + again[:, :2] - first[:, 2:] - first[:, :2]) / 2 / before)[inside]
    assert 0 < np.abs(moves).max() <= MOVE + 1e-5
    assert (scene.labels[count : 2 * count] == scene.labels[:count]).all()
    (same,) = scenes(400, 600, None, count=1)
    assert (same.boxes == scene.boxes).all()


def test_stretched_scenes_fill_the_image() -> None:
    (scene,) = scenes(320, 320, None, stretch=True, count=1)
    assert scene.image[-1].any() and scene.image[:, -1].any()
    np.testing.assert_allclose(scene.boxes[:, 2:].max(0), 320, rtol=0.1)


def test_covered_counts_cells_of_p2() -> None:
    image = np.zeros((16, 32, 3), np.uint8)
    boxes = np.array([[0, 0, 4, 4], [3, 3, 9, 5], [0, 0, 4, 4]], np.float32)
    scene = Scene("", image, boxes, np.zeros(3, np.int64))
    # Of 4 x 8 cells the first box is in one, and the second in two rows of three columns.
    assert scene.covered() == 6 / 32
    assert scene.first(1).covered() == 1 / 32


def test_images_of_another_size_are_refused(tmp_path: Path) -> None:
    with pytest.raises(RefineMaskError, match=r"does not exist; --images takes the folder"):
        scenes(64, 64, tmp_path, count=1)
    from refinemask.inference.opencv import cv2

    cv2.imwrite(str(tmp_path / layout()[0]["file_name"]), np.zeros((10, 10, 3), np.uint8))
    with pytest.raises(RefineMaskError, match="10 x 10 pixels"):
        scenes(64, 64, tmp_path, count=1)
