"""YOLO segmentation datasets, as Ultralytics documents them.

A YAML file names the classes (`names`, a list or a mapping from their indices) and the images of
each split (`train`, `val`, `test`: a folder, a text file that lists images, or a list of these,
below `path`). The labels of `images/a.jpg` are in `labels/a.txt`, one object a line:
`class x1 y1 x2 y2 ...`, normalised to the size of the image. An image without such a file, or with
an empty one, has no objects. A line of five numbers is a box without an outline:
`class x_centre y_centre width height`.
"""

import logging
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from refinemask.data.coco import CocoDataset
from refinemask.data.coco_content import boxed, common_folder, outlined, read_text
from refinemask.data.coco_json import check_coco_content
from refinemask.data.image_sizes import image_sizes
from refinemask.data.segmentations import SHORTEST_POLYGON
from refinemask.data.yolo_yaml import find_yaml, list_images, read_names, read_yaml
from refinemask.errors import RefineMaskError

logger = logging.getLogger(__name__)

_MOST_BYTES = 64 * 2**20
_BOX_NUMBERS = 4
_SLACK = 0.01
"""How far outside the image, in lengths of its sides, a coordinate is moved to its edge."""


def open_yolo(path: Path, split: str | None, classes: Sequence[str] | None) -> CocoDataset:
    """Open a split of a YOLO dataset; its image ids are file names, its category ids YOLO's.

    Args:
        path: the YAML file, its folder, or a folder of images below that.
        split: "train", "val" or "test"; None for the only one, or for that of the folder of images.
        classes: names of the classes to keep, in this order; None keeps all.

    Raises:
        RefineMaskError: the dataset is incomplete, or a line of a label file is malformed; the
            message names the file and the line.
    """
    description = find_yaml(path)
    given = read_yaml(description)
    names = read_names(description, given)
    images = list_images(description, given, path, split)
    folder, file_names = common_folder(images)
    labels = [label_path(image) for image in images]
    if not any(label.is_file() for label in labels):
        raise RefineMaskError(
            f"{description}: none of the {len(images)} images has a label file; that of "
            f"{images[0]} would be {labels[0]}"
        )
    content: dict[str, Any] = {
        "images": [
            {"id": name, "file_name": name, "height": height, "width": width}
            for name, (height, width) in zip(file_names, image_sizes(images), strict=True)
        ],
        "annotations": [],
        "categories": [{"id": index, "name": name} for index, name in sorted(names.items())],
    }
    for image, label in zip(content["images"], labels, strict=True):
        if label.is_file():
            content["annotations"] += _read_labels(label, image, names)
    _check_outlines(description, content["annotations"])
    check_coco_content(description, content)
    return CocoDataset(description, content, folder, classes)


def label_path(image: Path) -> Path:
    """Return where the labels of an image are: in `labels` for `images`, or beside it."""
    parts = list(image.absolute().with_suffix(".txt").parts)
    for place in range(len(parts) - 2, 0, -1):
        if parts[place] == "images":
            parts[place] = "labels"
            break
    return Path(*parts)


def _check_outlines(description: Path, annotations: list[dict[str, Any]]) -> None:
    boxes = [a["id"] for a in annotations if not a["segmentation"]]
    if boxes and len(boxes) == len(annotations):
        raise RefineMaskError(
            f"{description} is a detection dataset: each of its {len(boxes)} objects is a box "
            "without an outline (5 numbers a line); give a segmentation dataset, whose lines are "
            "class x1 y1 x2 y2 x3 y3 ..."
        )
    if boxes:
        logger.warning(
            "%s: %d of %d objects are boxes without outlines, the first is %s",
            description,
            len(boxes),
            len(annotations),
            boxes[0],
        )


def _read_labels(
    path: Path, image: dict[str, Any], names: dict[int, str]
) -> Iterator[dict[str, Any]]:
    """Yield an annotation for each line; its id is FILE:LINE."""
    seen = set()
    for number, line in enumerate(read_text(path, _MOST_BYTES, "a label file").splitlines(), 1):
        fields = tuple(line.split())
        if not fields or fields in seen:  # copies of a line are one object, as for Ultralytics
            continue
        seen.add(fields)
        try:
            category, shape = _read_line(fields, image["height"], image["width"])
            if category not in names:
                raise ValueError(
                    f"the class {fields[0]} has no name; the dataset has {len(names)} names"
                )
        except ValueError as error:
            raise RefineMaskError(f"{path}:{number}: {error}") from error
        yield {
            "id": f"{path}:{number}",
            "image_id": image["id"],
            "category_id": category,
            "iscrowd": 0,
        } | shape


def _read_line(fields: Sequence[str], height: int, width: int) -> tuple[int, dict[str, Any]]:
    """Return the class and the shape in pixels; raise ValueError with what is wrong."""
    try:
        numbers = np.array(fields, np.float64)
    except ValueError:
        raise ValueError(f"a line must consist of numbers, got {' '.join(fields)[:60]!r}") from None
    category, values = numbers[0], numbers[1:]
    if not (category >= 0 and category < 2**31 and category == int(category)):
        raise ValueError(f"the class must be a whole number from 0, got {fields[0][:20]}")
    if len(values) != _BOX_NUMBERS and (len(values) < SHORTEST_POLYGON or len(values) % 2):
        raise ValueError(
            "a line must be a class and at least three points (class x1 y1 x2 y2 x3 y3 ...), or a "
            f"class and a box (class x y width height), got {len(fields)} numbers"
        )
    inside = (values >= -_SLACK) & (values <= 1 + _SLACK)  # false for NaN too
    if not inside.all():
        raise ValueError(
            "coordinates must be normalised to the image, from 0 to 1, "
            f"got {fields[1 + int(np.argmin(inside))][:20]}"
        )
    scaled = values.clip(0, 1).reshape(-1, 2) * (width, height)
    if len(values) == _BOX_NUMBERS:
        (x, y), (w, h) = scaled.tolist()
        return int(category), boxed(x - w / 2, y - h / 2, w, h)
    return int(category), outlined([scaled.ravel()])
