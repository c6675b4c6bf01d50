"""Read COCO detection files: JSON with images, annotations and categories."""

import json
import math
from pathlib import Path
from typing import Any

from refinemask.errors import RefineMaskError

_REQUIRED = {
    "images": ("id", "file_name", "height", "width"),
    "annotations": ("image_id", "category_id", "bbox", "segmentation"),
    "categories": ("id", "name"),
}


def read_coco_json(path: Path) -> dict[str, Any]:
    """Read and check a COCO detection file.

    Returns:
        The file's content; every annotation has `id`, `iscrowd` and `area` too.

    Raises:
        RefineMaskError: the file is missing, is no JSON, lacks a key, or references images or
            categories that it does not list.
    """
    content = _read_json(path)
    if not isinstance(content, dict):
        raise RefineMaskError(
            f"{path} is no COCO detection file: its top level is a {type(content).__name__}, "
            "an object with `images`, `annotations` and `categories` is expected"
        )
    for section, keys in _REQUIRED.items():
        _check_section(path, content, section, keys)
    _check_references(path, content)
    annotations = [_complete(path, index, a) for index, a in enumerate(content["annotations"])]
    return content | {"annotations": annotations}


def _read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise RefineMaskError(
            f"cannot read annotations {path}: {error.strerror or error}; check the path"
        ) from error
    except ValueError as error:
        raise RefineMaskError(
            f"{path} is not JSON ({error}); a COCO detection file is expected"
        ) from error


def _check_section(
    path: Path, content: dict[str, Any], section: str, keys: tuple[str, ...]
) -> None:
    entries = content.get(section)
    if not isinstance(entries, list):
        raise RefineMaskError(
            f"{path} is no COCO detection file: the key `{section}` "
            f"{'is no list' if section in content else 'is missing'}; `images`, `annotations` and "
            "`categories` are required"
        )
    for index, entry in enumerate(entries):
        missing = [key for key in keys if not isinstance(entry, dict) or key not in entry]
        if missing:
            raise RefineMaskError(
                f"{path} is no COCO detection file: `{section}[{index}]` lacks `{missing[0]}`; "
                f"each of its entries needs {', '.join(keys)}"
            )


def _check_references(path: Path, content: dict[str, Any]) -> None:
    for section, key in (("images", "image_id"), ("categories", "category_id")):
        known = {entry["id"] for entry in content[section]}
        if len(known) < len(content[section]):
            raise RefineMaskError(f"{path} lists an id twice in `{section}`; ids must be unique")
        unknown = [a[key] for a in content["annotations"] if a[key] not in known]
        if unknown:
            raise RefineMaskError(
                f"{path}: {len(unknown)} annotations reference {section} that are not in the file, "
                f"the first `{key}` is {unknown[0]!r}; remove them or add the {section}"
            )


def _complete(path: Path, index: int, annotation: dict[str, Any]) -> dict[str, Any]:
    box = annotation["bbox"]
    if not (
        isinstance(box, list)
        and len(box) == 4
        and all(isinstance(value, int | float) and math.isfinite(value) for value in box)
    ):
        raise RefineMaskError(
            f"{path}: `annotations[{index}].bbox` must be the numbers x, y, width, height, "
            f"got {str(box)[:60]!r}"
        )
    defaults = {"id": index + 1, "iscrowd": 0, "area": float(box[2] * box[3])}
    return defaults | annotation
