"""LabelMe datasets: a folder of JSON files, one for each image.

Shapes with the same label and the same `group_id` are parts of one object. Polygons, rectangles,
circles and masks have an area; points and lines do not, and are left out.
"""

import json
import logging
import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from refinemask.data.coco import CocoDataset
from refinemask.data.coco_content import common_folder, read_text
from refinemask.data.coco_json import check_coco_content
from refinemask.data.image_sizes import image_sizes
from refinemask.data.labelme_shapes import LEFT_OUT, join_shapes
from refinemask.errors import RefineMaskError
from refinemask.inference.pixel_limit import size_problem

logger = logging.getLogger(__name__)

_MOST_BYTES = 256 * 2**20
"""LabelMe may embed the whole image."""
_PROBED = 8


class LabelMeDataset(CocoDataset):
    """Images and instances of a folder of LabelMe files."""

    _hint = "keep the images where `imagePath` says, or name their folder: LABELME_DIR@IMAGES_DIR"


def is_labelme(folder: Path) -> bool:
    """Recognise a folder by the smallest of its JSON files, so that none of 500 MB is parsed."""
    files = sorted(_json_files(folder), key=os.path.getsize)
    return any(_is_labelme_file(path) for path in files[:_PROBED])


def open_labelme(
    folder: Path, images: Path | None, classes: Sequence[str] | None
) -> LabelMeDataset:
    """Open a folder of LabelMe files; the image ids are file names, the classes sorted labels.

    Args:
        folder: with the JSON files, also in folders below it.
        images: the folder of the images; None for where `imagePath` says.
        classes: names of the classes to keep, in this order; None keeps all.

    Raises:
        RefineMaskError: a file is not a LabelMe file, or a shape is malformed; the message names
            the file and the shape.
    """
    files = _json_files(folder)
    contents = [_read(path) for path in files]
    paths = [
        _image_path(file, content["imagePath"], images)
        for file, content in zip(files, contents, strict=True)
    ]
    sizes = [_size(*entry) for entry in zip(files, contents, paths, strict=True)]
    root, names = common_folder(paths)
    instances = []
    for file, content, size, name in zip(files, contents, sizes, names, strict=True):
        for label, instance in join_shapes(file, content["shapes"], *size):
            instances.append((label, instance | {"image_id": name, "iscrowd": 0}))
    labels = {label: number for number, label in enumerate(sorted({i[0] for i in instances}), 1)}
    coco: dict[str, Any] = {
        "images": [
            {"id": name, "file_name": name, "height": height, "width": width}
            for name, (height, width) in zip(names, sizes, strict=True)
        ],
        "annotations": [i | {"category_id": labels[label]} for label, i in instances],
        "categories": [{"id": number, "name": label} for label, number in labels.items()],
    }
    _report_left_out(folder, contents)
    check_coco_content(folder, coco)
    return LabelMeDataset(folder, coco, root, classes)


def _json_files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*.json") if path.is_file())


def _is_labelme_file(path: Path) -> bool:
    try:
        _read(path)
    except RefineMaskError:
        return False
    return True


def _read(path: Path) -> dict[str, Any]:
    text = read_text(path, _MOST_BYTES, "a LabelMe file")
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise RefineMaskError(
            f"{path} is not JSON ({error}); a LabelMe file is expected"
        ) from error
    shapes = content.get("shapes") if isinstance(content, dict) else None
    if not isinstance(shapes, list) or not isinstance(content.get("imagePath"), str):
        raise RefineMaskError(
            f"{path} is not a LabelMe file: it lacks `shapes`, a list, or `imagePath`, a text; "
            "keep only LabelMe's JSON files in the folder"
        )
    content.pop("imageData", None)  # the image again, and by far the most of the file
    return content


def _image_path(file: Path, named: str, images: Path | None) -> Path:
    """Return where the image of a file is; if it is nowhere, where the file says."""
    path = PurePosixPath(named.replace("\\", "/"))
    folders = (file.parent,) if images is None else (images, file.parent)
    # An absolute path is one of the machine that the file was written on.
    inside = (path.name,) if path.is_absolute() or ":" in path.parts[0:1] else (path, path.name)
    for folder in folders:
        for name in inside:
            if os.path.isfile(folder / name):
                return folder / name
    return folders[0] / inside[0]


def _size(file: Path, content: dict[str, Any], image: Path) -> tuple[int, int]:
    """Return the height and width that a file records, else those of its image."""
    height, width = content.get("imageHeight"), content.get("imageWidth")
    if height is None and width is None:
        if not os.path.isfile(image):
            raise RefineMaskError(
                f"{file} records no `imageHeight` and `imageWidth`, and its image "
                f"{content['imagePath'][:200]!r} is not there; put the image where `imagePath` says"
            )
        return image_sizes([image])[0]
    problem = size_problem(height, width)
    if problem:
        raise RefineMaskError(f"{file}, by `imageHeight` and `imageWidth`, {problem}")
    return int(height), int(width)  # type: ignore[arg-type]


def _report_left_out(folder: Path, contents: Sequence[dict[str, Any]]) -> None:
    kinds = Counter(
        shape["shape_type"]
        for content in contents
        for shape in content["shapes"]
        if shape.get("shape_type") in LEFT_OUT
    )
    if kinds:
        logger.warning(
            "%s: shapes without an area are left out: %s",
            folder,
            ", ".join(f"{count} of type {kind}" for kind, count in sorted(kinds.items())),
        )
