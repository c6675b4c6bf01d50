"""Read COCO detection files: JSON with images, annotations and categories.

LVIS and Cityscapes have files of the same form. Those of LVIS have more than a million polygons, so
each is packed into an array while the file is read: as Python numbers they would need four times
the memory.
"""

import logging
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from refinemask.data.json_files import read_json, text_problem, use_integers
from refinemask.data.segmentations import as_polygon, segmentation_problem
from refinemask.data.wrong_kind import wrong_kind
from refinemask.errors import RefineMaskError
from refinemask.inference.pixel_limit import size_problem
from refinemask.printable import counted

logger = logging.getLogger(__name__)

_REQUIRED = {
    "images": ("id", "height", "width"),
    "annotations": ("image_id", "category_id", "bbox", "segmentation"),
    "categories": ("id", "name"),
}
_INTEGERS = {
    "images": ("id", "height", "width"),
    "annotations": ("id", "image_id", "category_id", "iscrowd"),
    "categories": ("id",),
}
"""What must be integers, and may be written as 1.0."""
_LARGEST = 1e15
"""Numbers beyond are as useless as infinity and NaN."""


def read_coco_json(path: Path, images_only: bool = False) -> dict[str, Any]:
    """Read and check a COCO detection file.

    Args:
        path: the file.
        images_only: read none of its annotations, which may be missing, as may categories.

    Returns:
        The file's content; every annotation has `id`, `iscrowd` and `area` too, and every polygon
        is a float64 array: see `unpacked`.

    Raises:
        RefineMaskError: the file is missing, is not JSON, is of another kind, repeats an id,
            references images or categories that it does not list, or an entry is malformed.
    """
    content = read_json(path, "annotations", "a COCO detection file", _pack)
    if images_only and isinstance(content, dict):
        content = {"categories": []} | content | {"annotations": []}
    other = wrong_kind(content)
    if other:
        raise RefineMaskError(f"{path} is not a COCO detection file: it {other}")
    check_coco_content(path, content, images_only)
    return content


def check_coco_content(path: Path, content: dict[str, Any], images_only: bool = False) -> None:
    """Check what is or could be the content of a COCO detection file, and complete it.

    Args:
        path: where it comes from, for messages.
        content: with polygons as float64 arrays; annotations without `id`, `iscrowd` or `area` get
            them.
        images_only: whether it may have no categories.

    Raises:
        RefineMaskError: as `read_coco_json`.
    """
    for section, keys in _REQUIRED.items():
        _check_section(path, content, section, keys)
    _check_images(path, content["images"])
    _leave_out_root(path, content)
    if content["categories"] or not images_only:
        _check_categories(path, content["categories"])
    _check_references(path, content)
    _complete(path, content["annotations"])
    _check_unique(path, "annotations", content["annotations"])
    sizes = {image["id"]: (image["height"], image["width"]) for image in content["images"]}
    for index, annotation in enumerate(content["annotations"]):
        problem = _problem(annotation, *sizes[annotation["image_id"]])
        if problem:
            raise RefineMaskError(
                f"{path}: `annotations[{index}]` (id {annotation['id']}) {problem}"
            )


def unpacked(annotation: dict[str, Any]) -> dict[str, Any]:
    """Return an annotation with its polygons as lists again, ready for JSON."""
    parts = annotation["segmentation"]
    if isinstance(parts, list):
        return annotation | {"segmentation": [part.tolist() for part in parts]}
    return annotation


def _pack(entry: dict[str, Any]) -> dict[str, Any]:
    """Turn the polygons of an annotation into arrays; what is malformed stays for the checks."""
    parts = entry.get("segmentation")
    if isinstance(parts, list) and all(isinstance(part, list) for part in parts):
        polygons = [as_polygon(part) for part in parts]
        if all(polygon is not None for polygon in polygons):
            entry["segmentation"] = polygons
    return entry


def _check_section(
    path: Path, content: dict[str, Any], section: str, keys: tuple[str, ...]
) -> None:
    entries = content.get(section)
    if not isinstance(entries, list):
        raise RefineMaskError(
            f"{path} is not a COCO detection file: the key `{section}` "
            f"{'is not a list' if section in content else 'is missing'}; `images`, `annotations` "
            "and `categories` are required"
        )
    for index, entry in enumerate(entries):
        if not isinstance(entry, dict) or not all(key in entry for key in keys):
            missing = [key for key in keys if not isinstance(entry, dict) or key not in entry]
            raise RefineMaskError(
                f"{path} is not a COCO detection file: `{section}[{index}]` lacks `{missing[0]}`; "
                f"each of its entries needs {', '.join(keys)}"
            )
        use_integers(entry, _INTEGERS[section])


def _check_images(path: Path, images: list[dict[str, Any]]) -> None:
    if not images:
        raise RefineMaskError(f"{path} lists no images; it needs at least one")
    for index, image in enumerate(images):
        if not _is_id(image["id"]):
            raise RefineMaskError(
                f"{path}: `images[{index}].id` must be an integer or text, "
                f"got {str(image['id'])[:60]!r}"
            )
        problem = size_problem(image["height"], image["width"])
        if problem:
            raise RefineMaskError(f"{path}: `images[{index}]` {problem}")
        names = [image.get(key) for key in ("file_name", "coco_url") if image.get(key) is not None]
        if not names or not all(isinstance(name, str) and name for name in names):
            raise RefineMaskError(
                f"{path} is not a COCO detection file: `images[{index}]` lacks `file_name` (or, in "
                "LVIS, `coco_url`), a text"
            )
        _check_text(path, f"images[{index}]", (*names, image["id"]))
    _check_unique(path, "images", images)


def _check_categories(path: Path, categories: list[dict[str, Any]]) -> None:
    if not categories:
        raise RefineMaskError(f"{path} lists no categories; it needs at least one")
    for index, category in enumerate(categories):
        if not _is_whole(category["id"]) or not isinstance(category["name"], str):
            raise RefineMaskError(
                f"{path}: `categories[{index}]` must have an integer `id` and a text `name`, "
                f"got {str(category['id'])[:60]!r} and {str(category['name'])[:60]!r}"
            )
        _check_text(path, f"categories[{index}]", (category["name"],))
    _check_unique(path, "categories", categories)
    _check_unique(path, "categories", categories, "name")


def _leave_out_root(path: Path, content: dict[str, Any]) -> None:
    """Leave out a category that exporters add as the parent of all others.

    It has no annotations, and all others name it as their `supercategory`.
    """
    used = {a["category_id"] for a in content["annotations"] if _is_id(a["category_id"])}
    categories = content["categories"]
    parents = [category.get("supercategory") for category in categories]
    children = Counter(parent for parent in parents if isinstance(parent, str))
    for root, parent in zip(categories, parents, strict=True):
        others = len(categories) - 1
        if (
            others
            and parent in (None, "", "none")
            and not (_is_whole(root["id"]) and root["id"] in used)
            and isinstance(root["name"], str)
            and children[root["name"]] - (parent == root["name"]) == others
        ):
            content["categories"] = [one for one in categories if one is not root]
            logger.warning(
                "%s: left out the category %r (id %s), which has no annotations and is the "
                "supercategory of all others, as some exporters add it",
                path,
                root["name"],
                root["id"],
            )
            return


def _check_text(path: Path, entry: str, values: Iterable[Any]) -> None:
    for value in values:
        problem = text_problem(value) if isinstance(value, str) else None
        if problem:
            raise RefineMaskError(
                f"{path}: `{entry}`: the name {value[:60]!r} {problem}; rename it"
            )


def _check_unique(path: Path, section: str, entries: list[dict[str, Any]], key: str = "id") -> None:
    repeated = _first_repeated(entry[key] for entry in entries)
    if repeated is not None:
        raise RefineMaskError(
            f"{path} has the {key} {repeated!r} twice in `{section}`; each {key} must be unique: "
            "remove the copy or give it another"
        )


def _first_repeated(values: Iterable[Any]) -> Any:
    seen = set()
    for value in values:
        if value in seen:
            return value
        seen.add(value)
    return None


def _check_references(path: Path, content: dict[str, Any]) -> None:
    for section, key in (("images", "image_id"), ("categories", "category_id")):
        known = {entry["id"] for entry in content[section]}
        for index, annotation in enumerate(content["annotations"]):
            if not _is_id(annotation[key]):
                raise RefineMaskError(
                    f"{path}: `annotations[{index}].{key}` must be an integer"
                    f"{' or text' if section == 'images' else ''} as in `{section}`, "
                    f"got {str(annotation[key])[:60]!r}"
                )
        unknown = [a[key] for a in content["annotations"] if a[key] not in known]
        if unknown:
            kinds = {type(id_).__name__ for id_ in known}
            hint = ""
            if type(unknown[0]).__name__ not in kinds:
                hint = f"; the ids in `{section}` are {'integers' if 'int' in kinds else 'text'}"
            raise RefineMaskError(
                f"{path}: {counted(len(unknown), 'annotation')} of {section} that are not in the "
                f"file, the first `{key}` is {unknown[0]!r}{hint}; remove them or add the {section}"
            )


def _complete(path: Path, annotations: list[dict[str, Any]]) -> None:
    """Give the annotations what COCO has and other files leave out: an id, crowd flag and area."""
    used = (a["id"] for a in annotations if _is_whole(a.get("id")))
    following = max(used, default=0) + 1
    for index, annotation in enumerate(annotations):
        if "id" not in annotation:
            annotation["id"] = following
            following += 1
        if not _is_id(annotation["id"]):
            raise RefineMaskError(
                f"{path}: `annotations[{index}].id` must be an integer or text, "
                f"got {str(annotation['id'])[:60]!r}"
            )
        annotation.setdefault("iscrowd", 0)
        if annotation.get("area") is None and _is_box(annotation["bbox"]):
            annotation["area"] = float(annotation["bbox"][2] * annotation["bbox"][3])


def _problem(annotation: dict[str, Any], height: int, width: int) -> str | None:
    """Return what is wrong with an annotation of an image of this size, or None."""
    if not _is_box(annotation["bbox"]):
        return (
            "must have the finite numbers x, y, width, height as `bbox`, "
            f"got {str(annotation['bbox'])[:60]!r}"
        )
    if not _is_number(annotation["area"]):
        return f"must have a finite number as `area`, got {str(annotation['area'])[:60]!r}"
    if annotation["iscrowd"] not in (0, 1):
        return f"must have 0 or 1 as `iscrowd`, got {str(annotation['iscrowd'])[:60]!r}"
    return segmentation_problem(annotation["segmentation"], height, width)


def _is_id(value: Any) -> bool:
    return _is_whole(value) or isinstance(value, str)


def _is_whole(value: Any) -> bool:
    return type(value) is int and abs(value) < 2**63


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and -_LARGEST < value < _LARGEST


def _is_box(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 4 and all(map(_is_number, value))
