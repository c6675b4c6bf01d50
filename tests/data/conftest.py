"""A tiny dataset in COCO format, written for each test."""

import json

import cv2
import numpy as np
import pytest


class CocoFiles:
    """A COCO-format dataset under `root` that a test may change before it opens it."""

    def __init__(self, root):
        self.root = root
        self.annotations = root / "instances_val.json"
        self.content = {
            "images": [
                {"id": 7, "file_name": "a.png", "height": 40, "width": 60},
                {"id": 3, "file_name": "b.png", "height": 48, "width": 36},
                {"id": 9, "file_name": "empty.png", "height": 40, "width": 40},
                {"id": 5, "file_name": "tiny.png", "height": 31, "width": 80},
            ],
            "annotations": [
                annotation(1, 7, 4, [10, 5, 20, 10]),
                annotation(2, 7, 2, [30, 20, 40, 10]),
                annotation(3, 3, 2, [4, 4, 8, 8]),
                annotation(4, 5, 2, [4, 4, 8, 8]),
                annotation(5, 9, 2, [4, 4, 0.5, 8]),
                annotation(6, 9, 2, [50, 4, 8, 8]),
                annotation(7, 9, 2, [4, 4, 8, 8], area=0),
                annotation(8, 9, 2, [4, 4, 8, 8], segmentation=[]),
                annotation(
                    9,
                    3,
                    2,
                    [0, 0, 36, 48],
                    iscrowd=1,
                    segmentation={"size": [48, 36], "counts": [0, 48 * 36]},
                ),
            ],
            "categories": [{"id": 4, "name": "dog"}, {"id": 2, "name": "cat"}],
        }

    def write(self):
        """Write the JSON, and each image that is not there yet."""
        self.write_json()
        (self.root / "images").mkdir(exist_ok=True)
        for entry in self.content["images"]:
            path = self.root / "images" / entry["file_name"]
            if not path.exists():
                rng = np.random.default_rng(len(entry["file_name"]))
                shape = (entry["height"], entry["width"], 3)
                cv2.imwrite(str(path), rng.integers(0, 256, shape, np.uint8))
        return str(self.annotations)

    def write_json(self):
        """Write the JSON alone."""
        self.annotations.write_text(json.dumps(self.content))
        return str(self.annotations)


def annotation(id_, image_id, category_id, bbox, **changes):
    x, y, w, h = bbox
    values = {
        "id": id_,
        "image_id": image_id,
        "category_id": category_id,
        "bbox": bbox,
        "area": w * h,
        "iscrowd": 0,
        "segmentation": [[x, y, x + w, y, x + w, y + h, x, y + h]],
    }
    return values | changes


@pytest.fixture
def coco_files(tmp_path):
    return CocoFiles(tmp_path)
