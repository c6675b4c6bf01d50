"""LVIS: many classes on COCO's images, each image annotated for some of them only.

Version 1 names images by `coco_url` alone, since its splits mix COCO's training and validation
images. Version 0.5 has `file_name` too, but some of them are names of COCO 2014.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from refinemask.configs.protocols import EvaluationProtocol
from refinemask.data.coco import CocoDataset
from refinemask.errors import RefineMaskError

LISTS = ("neg_category_ids", "not_exhaustive_category_ids")
"""The classes that an image does not show, and those of which not all objects are annotated."""


def lists_problem(image: Mapping[str, Any]) -> str | None:
    """Return what is wrong with the lists of classes of an image, as a clause, or None."""
    for key in LISTS:
        ids = image.get(key)
        if not isinstance(ids, list) or not all(isinstance(id_, int | float) for id_ in ids):
            return f"lacks {key}, a list of category ids"
    return None


def is_lvis(content: dict[str, Any]) -> bool:
    """Recognise LVIS by its images, which list the classes that are absent."""
    return any(LISTS[0] in image for image in content["images"])


class LvisDataset(CocoDataset):
    """Images and instances of an LVIS file; labels follow its category ids."""

    protocol: EvaluationProtocol = "lvis"

    _hint = (
        "name the folder with train2017 and val2017 after the annotations, "
        "ANNOTATIONS.json@COCO_DIR (the validation set of LVIS v1 has images of both)"
    )

    def _choose(self, classes: Sequence[str] | None) -> None:
        for entry in self._images:
            problem = lists_problem(entry)
            if problem:
                raise RefineMaskError(
                    f"{self._name} has {LISTS[0]} as LVIS, but image {entry['id']!r} {problem}; "
                    "give LVIS's own file"
                )
        super()._choose(classes)

    def _in_order(self, categories: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return sorted(categories, key=lambda category: category["id"])

    def _guesses(self, annotations: Path) -> list[Path]:
        bases = (annotations.parent, annotations.parent.parent)
        inside = (".", "coco", "images", "coco/images")
        return [base / name for name in inside for base in bases]

    def _file_names(self, entry: dict[str, Any]) -> tuple[str, ...]:
        if not entry.get("coco_url"):
            return (entry["file_name"],)
        try:
            path = urlsplit(entry["coco_url"]).path.removeprefix("/")
        except ValueError as error:
            raise RefineMaskError(
                f"{self._name}: image {entry['id']!r} has no address as its coco_url ({error}), "
                f"got {entry['coco_url'][:60]!r}; give LVIS's own file"
            ) from error
        return (path, path.rpartition("/")[2])
