"""Small datasets in the layouts that YOLO and LabelMe document, and a results file of each."""

import base64
import json

import cv2
import numpy as np

from refinemask.inference.rle import encode_rle

HEIGHT, WIDTH = 64, 96
YAML = "path: .\ntrain: images/train\nval: images/val\nnames:\n  0: person\n  1: no\n"
SQUARE = "0 0.25 0.25 0.75 0.25 0.75 0.75 0.25 0.75"
TRIANGLE = "1 0.1 0.1 0.4 0.1 0.1 0.6"


def write_image(path, height=HEIGHT, width=WIDTH):
    path.parent.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(height)
    cv2.imwrite(str(path), rng.integers(0, 256, (height, width, 3), np.uint8))


def write_yolo(root, labels=(SQUARE, TRIANGLE), yaml=YAML):
    """Write two images a split, of which the second has no label file."""
    for split in ("train", "val"):
        for name in ("a.png", "b.png"):
            write_image(root / "images" / split / name)
        (root / "labels" / split).mkdir(parents=True)
        (root / "labels" / split / "a.txt").write_text("\n".join(labels) + "\n")
    (root / "data.yaml").write_text(yaml)
    return root / "data.yaml"


def shape(label, points, kind="polygon", **changes):
    return {
        "label": label,
        "points": points,
        "group_id": None,
        "description": "",
        "shape_type": kind,
        "flags": {},
        "mask": None,
    } | changes


def mask_shape(label, bitmap, x, y, **changes):
    """Return a mask as LabelMe stores it; its points are its first and last pixel."""
    _, png = cv2.imencode(".png", bitmap)
    rows, columns = bitmap.shape
    points = [[x, y], [x + columns - 1, y + rows - 1]]
    text = base64.b64encode(png.tobytes()).decode()
    return shape(label, points, "mask", mask=text, **changes)


def labelme(shapes, image="a.png", **changes):
    return {
        "version": "5.5.0",
        "flags": {},
        "shapes": shapes,
        "imagePath": image,
        "imageData": None,
        "imageHeight": HEIGHT,
        "imageWidth": WIDTH,
    } | changes


def write_labelme(root, shapes, image="a.png", **changes):
    write_image(root / "a.png")
    (root / "a.json").write_text(json.dumps(labelme(shapes, image, **changes)))
    return root


def perfect_results(dataset):
    """Return results that repeat a dataset's annotations."""
    results = []
    for index, image_id in enumerate(dataset.image_ids):
        sample = dataset[index]
        for box, label, mask in zip(sample.boxes, sample.labels, sample.masks, strict=True):
            x1, y1, x2, y2 = box.tolist()
            results.append(
                {
                    "image_id": image_id,
                    "category_id": dataset.category_ids[label],
                    "bbox": [x1, y1, x2 - x1, y2 - y1],
                    "segmentation": encode_rle(mask.to_bitmap(*sample.image.shape[:2])),
                    "score": 0.9,
                }
            )
    return results
